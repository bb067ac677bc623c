"""``cozeloop doctor``: every dependency, whether it is there and how it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, operations, run

EXAMPLES = """Examples:

cozeloop doctor --data-dir .cozeloop

cozeloop doctor --json | jq 'select(.state == "failed")'

Exit status 0: nothing failed (there may be warnings); 1: something did. Models are not called and no key is sent: it is tried whether their endpoints take connections."""  # noqa: E501


def doctor(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Examine the running platform, or the data directory alone, with everything that it depends on."""
    run(_doctor(data_dir, as_json))


async def _doctor(data_dir: Path, as_json: bool) -> None:
    failed = 1
    async with operations(data_dir) as platform:
        async for line in platform.doctor():
            if line.get("final"):
                failed = line["failed"]
            elif as_json:
                typer.echo(json.dumps(line, ensure_ascii=False))
            else:
                typer.echo(f"{line['state']:<8} {line['what']:<30} {line['said']}")
    if failed:
        raise typer.Exit(1)
