"""``cozeloop doctor``: every dependency, whether it is there and how it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, Line, operations, run, settings_of

EXAMPLES = """Examples:

cozeloop doctor --data-dir .cozeloop

cozeloop doctor --json | jq 'select(.state == "failed")'

cozeloop doctor --accept-loss --yes --data-dir .cozeloop

Exit status 0: nothing failed (there may be warnings); 1: something did. Models are not called and no key is sent: it is tried whether their endpoints take connections."""  # noqa: E501


def doctor(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on without events that are gone; nothing may run meanwhile.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --accept-loss: yes, there is no backup to restore.")] = False,
) -> None:
    """Examine the running platform, or the data directory alone, with everything that it depends on."""
    run(_accept(data_dir, yes) if loss else _doctor(data_dir, as_json))


async def _accept(data_dir: Path, yes: bool) -> None:
    from cozeloop.bootstrap.accepting import accept_loss
    from infra.messaging.lock import DataDirLock
    from infra.vault.installation import KEY_FILE

    if not (data_dir / KEY_FILE).is_file():
        raise Failed(f"no platform has run on {data_dir}; name a data directory with --data-dir")
    last: Line = {}
    with DataDirLock(data_dir) as lock:
        async for last in accept_loss(settings_of(data_dir=data_dir), lock, yes):
            if "said" in last:
                typer.echo(last["said"])
    if not last["lost"]:
        typer.echo("nothing is lost, and nothing was done")
    elif not last["accepted"]:
        raise Failed("restore a backup if there is one (`cozeloop restore`); say --yes to go on without these events")
    else:
        typer.echo("the loss is accepted; positions of before are refused from now on")


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
