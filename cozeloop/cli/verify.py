"""``cozeloop verify``: whether the log is what was written."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, operations, run

EXAMPLES = """Example: cozeloop verify --data-dir .cozeloop

It reads every event and checks hash chains, holes, the signed anchor, and that every object an event names is there and unaltered. Objects that no event names are listed as orphans: an append that never came left them, and they may be deleted while the platform is stopped. It cannot detect a tail that was lost together with the anchor file and every read database, nor a forgery by somebody who holds the installation key."""  # noqa: E501


def verify(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Check every event's hash, the order of positions, and the anchor."""
    run(_verify(data_dir))


async def _verify(data_dir: Path) -> None:
    clean = False
    async with operations(data_dir) as platform:
        async for line in platform.verify():
            if sys.stderr.isatty() and not line["final"]:
                typer.echo(f"\r{line['done']} of {line['total']} events", nl=False, err=True)
            if line["final"]:
                if sys.stderr.isatty():
                    typer.echo("", err=True)
                for problem in line["problems"]:
                    typer.echo(f"problem: {problem}", err=True)
                typer.echo(f"{line['events']} events in {line['streams']} streams, digest {line['digest'][:16]}")
                if line["accepted"]:
                    typer.echo(f"accepted as lost: positions {line['accepted']}")
                if line["objects"] or line["orphans"]:
                    typer.echo(f"{line['objects']} objects are named by events, {len(line['orphans'])} by none")
                for name in line["orphans"]:
                    typer.echo(f"orphan: {name}", err=True)
                typer.echo(f"not detected: {line['not_detected']}")
                typer.echo("the log is whole" if line["clean"] else "the log is NOT what was written")
                clean = line["clean"]
    if not clean:
        raise typer.Exit(1)
