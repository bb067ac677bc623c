"""``cozeloop restore``: a data directory made of a backup."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cozeloop.cli.running import DataDir, run, settings_of

if TYPE_CHECKING:
    from cozeloop.bootstrap.restoring import Restore

EXAMPLES = """Examples:

cozeloop restore /backups/2026-01-31.zip --data-dir .cozeloop-restored --keys /keys

cozeloop restore /backups/2026-01-31.zip --data-dir .cozeloop --replace

cozeloop restore /backups/2026-01-31.zip --data-dir .cozeloop-before --keys /keys --position 1830

cozeloop restore /backups/2026-01-31.zip --data-dir .cozeloop-before --keys /keys --time 2026-01-31T12:00

The directory is built beside its place, verified like `cozeloop verify` does, and switched in when it is right; with --replace the old one is kept aside, and gives installation.key and destroyed.keys. The restored log has an id of its own: positions, read databases and anchors of before are refused.

With --position or --time the log ends there, inclusive, and never within a batch: `cozeloop events list` shows which position is which. Revisions of drafts and spans that are newer are left out; people, tokens and objects are those of the backup, but whoever the log does not know any more is removed with the first sweep after the start. A destroyed key stays destroyed."""  # noqa: E501


def restore(
    source: Annotated[Path, typer.Argument(help="What `cozeloop backup` made.")],
    data_dir: DataDir,
    keys: Annotated[
        Path | None, typer.Option(help="The folder with the copies of installation.key and destroyed.keys.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move aside what is in the data directory.")] = False,
    position: Annotated[int | None, typer.Option(min=1, help="The last position of the log that is wanted.")] = None,
    time: Annotated[str, typer.Option(help="As above, by an ISO time (UTC unless it says otherwise).")] = "",
    forgotten: Annotated[
        bool, typer.Option("--without-destroyed-keys", help="The list is lost: destroyed spaces may come back.")
    ] = False,
) -> None:
    """Restore a backup into a new data directory; nothing may run on it."""
    from cozeloop.bootstrap.restoring import Restore

    if position is not None and time:
        raise typer.BadParameter("name a position or a time, not both", param_hint="--position")
    settings = settings_of(data_dir=data_dir)
    stores = (settings.vault_url, settings.objects_url)
    bound = (position, _moment(time))
    run(_restore(Restore(source, data_dir.absolute(), keys, *stores, replace, forgotten, *bound), data_dir))


async def _restore(wanted: Restore, data_dir: Path) -> None:
    async for line in wanted.run():
        if line.get("final"):
            if line["aside"]:
                typer.echo(f"what was in {data_dir} is in {line['aside']} now")
            typer.echo(f"{data_dir}: the log up to {line['position']}, digest {line['digest'][:16]}")
        elif "done" not in line:
            typer.echo(line["part"])
        elif sys.stderr.isatty():
            typer.echo(f"\rverified {line['done']} of {line['total']} events\r", nl=False, err=True)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"not an ISO time: {text}", param_hint="--time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
