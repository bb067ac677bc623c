"""``cozeloop users``: what an operator does for somebody who cannot sign in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, operations, run

app = typer.Typer(help="What an operator does for a user.", no_args_is_help=True)

RESET_EXAMPLES = """Examples:

cozeloop users reset-code ada@example.org --data-dir .cozeloop

The code is shown this once, holds for an hour and for one use; a new one ends the last. Whoever has it sets another password with POST /v1/platform/users/reset_password {email, code, password}, without being signed in."""  # noqa: E501


@app.callback()
def users() -> None:
    """What an operator does for a user."""


@app.command("reset-code", epilog=RESET_EXAMPLES)
def reset_code(
    email: Annotated[str, typer.Argument(help="The e-mail with which the user registered.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print a one-time code with which a user sets another password."""
    run(_reset_code(data_dir, email))


async def _reset_code(data_dir: Path, email: str) -> None:
    async with operations(data_dir) as platform:
        async for line in platform.reset_code(email):
            typer.echo(line["reset_code"])
            typer.echo(f"for one use until {line['expires_at'][:19]}Z", err=True)
