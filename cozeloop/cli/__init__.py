"""The command line: start the platform, look at its events, prove its log, build its read models anew."""

from __future__ import annotations

import typer

from cozeloop.cli import backup, demo, doctor, events, replay, restore, spaces, up, users, verify

app = typer.Typer(
    name="cozeloop",
    help="CozeLoop ES: Coze Loop's platform as an event-sourced backend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up", epilog=up.EXAMPLES)(up.up)
app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.command("verify", epilog=verify.EXAMPLES)(verify.verify)
app.command("replay", epilog=replay.EXAMPLES)(replay.replay)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("backup", epilog=backup.EXAMPLES)(backup.backup)
app.command("restore", epilog=restore.EXAMPLES)(restore.restore)
app.add_typer(events.app, name="events")
app.add_typer(spaces.app, name="spaces")
app.add_typer(users.app, name="users")


def main() -> None:
    """The console script."""
    app()
