"""``cozeloop replay``: builds read models anew from the log, or applies what they parked, after a fix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, operations, run

EXAMPLES = """Examples:

cozeloop replay prompts --data-dir .cozeloop

cozeloop replay --all --data-dir .cozeloop

cozeloop replay --parked --data-dir .cozeloop"""


def replay(
    read_models: Annotated[list[str] | None, typer.Argument(help="Names of read models.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every read model.")] = False,
    parked: Annotated[
        bool, typer.Option("--parked", help="Only the streams that were parked, of all read models or of those named.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Build read models anew from the log; queries go on meanwhile and switch at the end."""
    if (bool(read_models) and every) or not (read_models or every or parked):
        raise typer.BadParameter("name read models, or say --all or --parked")
    run((_parked if parked else _replay)(data_dir, read_models or []))


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


async def _parked(data_dir: Path, names: list[str]) -> None:
    left: list[str] = []
    applied = 0
    async with operations(data_dir) as platform:
        async for line in platform.replay(names, parked=True):
            if line["state"] == "applied":
                applied += 1
                typer.echo(f"{line['read_model']:<24} {line['stream']}: {line['events']} events, applied")
            else:
                left.append(f"{line['read_model']} {line.get('stream', '')}: {line['reason']}")
    if left:
        raise Failed(f"{len(left)} still parked: " + "; ".join(left[:5]))
    if not applied:
        typer.echo("nothing is parked")
