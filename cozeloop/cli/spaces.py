"""``cozeloop spaces``: the end of a space's content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, operations, run

app = typer.Typer(help="What an operator does with a whole space.", no_args_is_help=True)

DESTROY_EXAMPLES = """Examples:

cozeloop spaces destroy-key 7351234567890123456 --yes --data-dir .cozeloop

Afterwards copy destroyed.keys to where the copy of installation.key lies: a restore asks for both, and destroys these keys again in whatever backup it is given. The space's events stay in the log as ciphertext that nobody can open; the chain still verifies."""  # noqa: E501


@app.command("destroy-key", epilog=DESTROY_EXAMPLES)
def destroy_key(
    space: Annotated[str, typer.Argument(help="The space's id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for ever: there is no way back.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Erase everything that was typed in a space by destroying its key; nothing brings it back."""
    run(_destroy(data_dir, space, yes))


@app.callback()
def spaces() -> None:
    """What an operator does with a whole space."""


async def _destroy(data_dir: Path, space: str, yes: bool) -> None:
    if not yes:
        raise Failed(
            f"this erases the content of space {space} for ever, for all its members; say --yes if you mean it"
        )
    done = False
    async with operations(data_dir) as platform:
        async for line in platform.erase(space):
            count = "" if line["removed"] is None else f": {line['removed']}"
            typer.echo(f"{line['step']}{count}")
            done = bool(line.get("final"))
    if not done:
        raise Failed("it broke off; the key is destroyed, and the platform goes on with the rest at its next start")
    typer.echo(f"space {space} is erased; keep destroyed.keys with the copy of installation.key")
