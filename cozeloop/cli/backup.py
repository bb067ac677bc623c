"""``cozeloop backup``: everything that no log can rebuild, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, operations, run

EXAMPLES = """Examples:

cozeloop backup /backups/2026-01-31.zip --data-dir .cozeloop

cozeloop backup /backups/2026-01-31 --data-dir .cozeloop

A running platform goes on meanwhile. The backup holds the log, drafts, objects and the vault, everything sealed or wrapped; neither installation.key nor destroyed.keys, which are kept together in another place: without the key the backup opens to nothing, and without the list a destroyed space could come back."""  # noqa: E501


def backup(
    target: Annotated[Path, typer.Argument(help="A new or empty directory, or a new .zip file, on the same machine.")],
    with_key: Annotated[
        bool, typer.Option("--with-installation-key", help="Also the key: whoever has the backup can read it then.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Back up a platform, running or not; restore it with `cozeloop restore`."""
    run(_backup(data_dir, target.absolute(), with_key))


async def _backup(data_dir: Path, target: Path, with_key: bool) -> None:
    done = False
    async with operations(data_dir) as platform:
        async for line in platform.backup(target, with_key):
            if line.get("final"):
                typer.echo(f"{line['target']}: the log up to events:{line['position']}, digest {line['digest'][:16]}")
                done = True
            else:
                typer.echo(f"{line['part']:<28} {line['bytes']:>14,} bytes")
    if not done:
        raise Failed("it broke off; nothing was left")
    if not with_key:
        typer.echo("Not in it: installation.key and destroyed.keys. Keep copies of both together, apart from backups.")
