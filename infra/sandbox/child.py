"""The worker process: ``python -I -S -B child.py MODE PARENT MODULES PRELOADED``. One line in, one line out.

First line out: ``{"ready": true}``, or ``{"ready": false, "error": …}`` and the end. A request is
``{"nonce", "turns"}``, with ``code`` when the script is new, or ``{"nonce", "compile"}``; the answer carries the
nonce. End of input ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
import lockdown
import turns

sys.path.pop()

READ = 256 * 1024
ISOLATED = "isolated"


def main(mode: str, parent: str, modules: str, preloaded: str) -> None:
    """Loads what scripts may import, locks down, serves."""
    allowed = frozenset(filter(None, f"{modules},{preloaded}".split(",")))
    for name in allowed:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:  # an interpreter built without it: then no script has it either
            allowed -= {name}
    try:
        if mode == ISOLATED:
            lockdown.lock_down(int(parent))
    except (lockdown.NoIsolation, OSError, ValueError) as error:
        say({"ready": False, "error": str(error)})
        return
    forget(allowed)
    say({"ready": True})
    serve(turns.namespace_of(allowed))


def forget(allowed: frozenset[str]) -> None:
    """Puts out of sight what only the lock-down needed, and the search for more."""
    if "ctypes" not in allowed:
        for name in ("lockdown", "ctypes", "_ctypes", "ctypes._endian"):
            sys.modules.pop(name, None)
    os.environ.pop("LC_CTYPE", None)  # set by the interpreter itself
    sys.meta_path.clear()
    sys.path.clear()
    globals().pop("lockdown")


def serve(fresh: dict[str, Any]) -> None:
    """Answers requests until the input ends."""
    code = None
    wrong = "no code was sent"
    for line in lines():
        request = json.loads(line)
        answer: dict[str, Any] = {"nonce": request["nonce"]}
        if "compile" in request:
            answer["error"] = turns.fit(turns.compiled(request["compile"])[1], turns.ERROR_BYTES)
        else:
            if "code" in request:
                code, wrong = turns.compiled(request["code"])
            if code is None:
                failed = {"code": turns.SYNTAX, "error": turns.fit(wrong, turns.ERROR_BYTES), "stdout": "", "ms": 0}
                answer["results"] = [failed for _ in request["turns"]]
            else:
                answer["results"] = until_dirty(code, fresh, request["turns"])
        say(answer)


def until_dirty(code: Any, fresh: dict[str, Any], given: list[Any]) -> list[dict[str, Any]]:
    """The turns' results; after a turn that exhausted the worker the rest is left to the next worker."""
    results = []
    for turn in given:
        results.append(turns.run_turn(code, fresh, turn))
        if "dirty" in results[-1]:
            break
    return results


def lines() -> Any:
    """The lines of the input as bytes."""
    kept: list[bytes] = []
    while chunk := os.read(0, READ):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            yield b"".join((*kept, part))
            kept.clear()
        kept.append(rest)


def say(answer: dict[str, Any], write: Any = os.write, dumps: Any = json.dumps) -> None:
    """One line out."""
    left = memoryview(dumps(answer, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    while left:
        left = left[write(1, left) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
