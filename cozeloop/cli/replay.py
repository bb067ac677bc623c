"""``cozeloop replay``: builds read models anew from the log, beside the live ones, and switches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, operations, run

EXAMPLES = """Examples:

cozeloop replay prompts --data-dir .cozeloop

cozeloop replay --all --data-dir .cozeloop"""


def replay(
    read_models: Annotated[list[str] | None, typer.Argument(help="Names of read models.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every read model.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Build read models anew from the log; queries go on meanwhile and switch at the end."""
    if bool(read_models) == every:
        raise typer.BadParameter("name read models, or say --all")
    run(_replay(data_dir, read_models or []))


async def _replay(data_dir: Path, names: list[str]) -> None:
    stopped: list[str] = []
    async with operations(data_dir) as platform:
        async for line in platform.replay(names):
            if line["state"] == "switched":
                typer.echo(f"{line['read_model']:<24} {line['total']} events, switched")
            elif line["state"] == "stopped":
                stopped.append(f"{line['read_model']} was not switched: {line['reason']}")
            elif sys.stderr.isatty():
                typer.echo(f"\r{line['read_model']:<24} {line['done']} of {line['total']}\r", nl=False, err=True)
    if stopped:
        raise Failed("; ".join(stopped))
