"""``cozeloop restore``: a data directory made of a backup."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DataDir, run, settings_of

EXAMPLES = """Examples:

cozeloop restore /backups/2026-01-31.zip --data-dir .cozeloop-restored --keys /keys

cozeloop restore /backups/2026-01-31.zip --data-dir .cozeloop --replace

The directory is built beside its place, verified like `cozeloop verify` does, and switched in when it is right; with --replace the old one is kept aside, and gives installation.key and destroyed.keys. The restored log has an id of its own: positions, read databases and anchors of before are refused."""  # noqa: E501


def restore(
    source: Annotated[Path, typer.Argument(help="What `cozeloop backup` made.")],
    data_dir: DataDir,
    keys: Annotated[
        Path | None, typer.Option(help="The folder with the copies of installation.key and destroyed.keys.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move aside what is in the data directory.")] = False,
    forgotten: Annotated[
        bool, typer.Option("--without-destroyed-keys", help="The list is lost: destroyed spaces may come back.")
    ] = False,
) -> None:
    """Restore a backup into a new data directory; nothing may run on it."""
    run(_restore(source, data_dir, keys, replace, forgotten))


async def _restore(source: Path, data_dir: Path, keys: Path | None, replace: bool, forgotten: bool) -> None:
    from cozeloop.bootstrap.restoring import Restore

    settings = settings_of(data_dir=data_dir)
    stores = (settings.vault_url, settings.objects_url)
    async for line in Restore(source, data_dir.absolute(), keys, *stores, replace, forgotten).run():
        if line.get("final"):
            if line["aside"]:
                typer.echo(f"what was in {data_dir} is in {line['aside']} now")
            typer.echo(f"{data_dir}: the log up to {line['position']}, digest {line['digest'][:16]}")
        elif "done" not in line:
            typer.echo(line["part"])
        elif sys.stderr.isatty():
            typer.echo(f"\rverified {line['done']} of {line['total']} events\r", nl=False, err=True)
