"""``make wire``: contract.json -> one module of models for each module of the contract.

    python -m cozeloop.api.wire                            write the modules
    python -m cozeloop.api.wire --check                    say whether they are up to date
    python -m cozeloop.api.wire --from ENDPOINTS.json [--add "POST /api/…"]
                                                           take the facts anew from the full contract, then write

Names: the last word of the thrift name; types of a ``domain_openapi`` namespace get ``OpenApi`` before it, those of
``spi`` get ``Spi``; what still collides gets its namespace before it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cozeloop.api.wire.contract import CONTRACT, Contract, refresh
from cozeloop.api.wire.emit import emit

HERE = Path(__file__).parent


def outdated() -> list[str]:
    """Names of the modules whose text is not what the contract file gives."""
    made = emit(Contract.read(CONTRACT))
    here = {p.name for p in HERE.glob("*.py")} - {"__init__.py", "__main__.py", "contract.py", "emit.py", "names.py"}
    differs = [n for n, text in made.items() if n not in here or (HERE / n).read_text() != text]
    return sorted({*differs, *(here - set(made))})


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; 1 when ``--check`` finds a module that is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m cozeloop.api.wire")
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--from", dest="source", type=Path, help="the full contract to take facts from")
    parser.add_argument("--add", action="append", default=[], help="an endpoint to declare as well: 'VERB /path'")
    options = parser.parse_args(arguments)
    if options.source:
        CONTRACT.write_text(refresh(CONTRACT, options.source, options.add))
    if options.check:
        for name in outdated():
            print(f"{name} is not what contract.json gives: run make wire", file=sys.stderr)
        return 1 if outdated() else 0
    for name, text in emit(Contract.read(CONTRACT)).items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
