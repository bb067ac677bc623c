"""``cozeloop verify``: whether the log is what was written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, operations, run

EXAMPLES = """Example: cozeloop verify --data-dir .cozeloop

It reads every event and checks hash chains, holes, the signed anchor, and that every object an event names is there and unaltered. Objects that no event names are listed as orphans: an append that never came left them, and they may be deleted while the platform is stopped. Then it opens every batch of the stream SPANS under its space's key, and says since when there are spans and how far the trace table has come. Files that users uploaded are not looked at: no event names them. It cannot detect a tail that was lost together with the anchor file and every read database, nor a forgery by somebody who holds the installation key."""  # noqa: E501


def verify(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Check every event's hash, the order of positions, and the anchor."""
    run(_verify(data_dir))


async def _verify(data_dir: Path) -> None:
    clean = False
    async with operations(data_dir) as platform:
        async for line in platform.verify():
            if sys.stderr.isatty() and not line["final"]:
                at = line.get("spans") and f"{line['spans']['done']} of {line['spans']['last']} batches of spans"
                typer.echo(f"\r{at or str(line['done']) + ' of ' + str(line['total']) + ' events'}", nl=False, err=True)
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
                readable = _spans(line["spans"])
                typer.echo(f"not detected: {line['not_detected']}")
                typer.echo("the log is whole" if line["clean"] else "the log is NOT what was written")
                clean = line["clean"] and readable
    if not clean:
        raise typer.Exit(1)


def _spans(found: Mapping[str, Any]) -> bool:
    """Tells what the stream of spans holds; whether every batch could be read."""
    for problem in found.get("problems", ()):
        typer.echo(f"problem: {problem}", err=True)
    if found.get("batches"):
        typer.echo(
            f"{found['spans']} spans in {found['batches']} batches since {found['since'][:19]}Z, {found['table']}"
        )
    if found.get("erased"):
        typer.echo(f"{found['erased']} of the batches are of erased spaces")
    if found.get("gone"):
        typer.echo(f"{found['gone']} batches in between are gone: of erased spaces, too old, or lost")
    if found.get("problems"):
        typer.echo("not all spans can be read")
    return not found.get("problems")
