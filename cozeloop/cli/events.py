"""``cozeloop events``: what happened, straight from the log."""

from __future__ import annotations

import difflib
import json
import sys
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import typer

from cozeloop.cli.following import follow
from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, Line, operations, run
from cozeloop.outside import EventQuery
from events import EVENTS

app = typer.Typer(help="What happened, straight from the log.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

LIST_EXAMPLES = """Examples:

cozeloop events list --data-dir .cozeloop --capability prompts

cozeloop events list --type PromptCommitted --since 2026-01-31T12:00 --json"""


@app.command("list", epilog=LIST_EXAMPLES)
def list_events(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    space: Annotated[str, typer.Option(help="Only this space; _ is that of users and spaces.")] = "",
    capability: Annotated[str, typer.Option(help="Only this capability, such as prompts.")] = "",
    stream: Annotated[str, typer.Option(help="Only this stream, such as 12.prompts.34.")] = "",
    type: Annotated[str, typer.Option("--type", help="Only events of this name.")] = "",
    since: Annotated[str, typer.Option(help="A position, or an ISO time (UTC unless it says otherwise).")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
    as_json: Json = False,
) -> None:
    """List events, oldest first."""
    query = EventQuery(space, capability, stream, type, *_since(since), limit)
    _warn(type)
    run(_show_all(data_dir, query, as_json))


SHOW_EXAMPLES = """Examples:

cozeloop events show 17 --data-dir .cozeloop

cozeloop events show 17 --json"""


@app.command("show", epilog=SHOW_EXAMPLES)
def show_event(
    position: Annotated[int, typer.Argument(min=1, help="The event's position in the log.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: Json = False,
) -> None:
    """Show one event with its envelope and payload."""
    run(_show_one(data_dir, position, as_json))


TAIL_EXAMPLES = """Examples:

cozeloop events tail --data-dir .cozeloop

cozeloop events tail --capability experiments --json

cozeloop events tail --since 1000 --type PromptCommitted"""


@app.command("tail", epilog=TAIL_EXAMPLES)
def tail_events(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    space: Annotated[str, typer.Option(help="Only this space; _ is that of users and spaces.")] = "",
    capability: Annotated[str, typer.Option(help="Only this capability, such as prompts.")] = "",
    stream: Annotated[str, typer.Option(help="Only this stream, such as 12.prompts.34.")] = "",
    type: Annotated[str, typer.Option("--type", help="Only events of this name.")] = "",
    since: Annotated[str, typer.Option(help="Begin at a position or an ISO time instead of now.")] = "",
    as_json: Json = False,
) -> None:
    """Follow the running platform's events as they happen; ends with it, or with Ctrl-C."""
    position, at = _since(since)
    query = EventQuery(space, capability, stream, type, position, at)
    _warn(type)
    run(_follow(data_dir, query, "" if not since or at else str(position), as_json))


async def _follow(data_dir: DataDir, query: EventQuery, after: str, as_json: bool) -> None:
    async with aclosing(follow(data_dir, query, after)) as lines:
        async for line in lines:
            typer.echo(json.dumps(line, ensure_ascii=False) if as_json else brief(line))
            sys.stdout.flush()


async def _show_all(data_dir: DataDir, query: EventQuery, as_json: bool) -> None:
    async with operations(data_dir) as platform:
        async for line in platform.events(query):
            typer.echo(json.dumps(line, ensure_ascii=False) if as_json else brief(line))


async def _show_one(data_dir: DataDir, position: int, as_json: bool) -> None:
    async with operations(data_dir) as platform:
        found = [line async for line in platform.events(EventQuery(after=position - 1, limit=1))]
    if not found or found[0]["position"] != position:
        raise Failed(f"there is no event at {position}")
    typer.echo(json.dumps(found[0], ensure_ascii=False, indent=None if as_json else 2))


def brief(line: Line) -> str:
    """One event in one line."""
    return f"{line['position']:>8}  {line['occurred_at'][:23]:<23}  {line['type']:<26}  {line['stream']}"


def unheard_of(type: str) -> str:
    """A sentence for a name that no event of this release has, else nothing; a newer release's log may hold it."""
    if not type or type in EVENTS:
        return ""
    close = difflib.get_close_matches(type, EVENTS, 3)
    return f"this release has no event {type!r}" + (f"; close to it: {', '.join(close)}" if close else "")


def _warn(type: str) -> None:
    if said := unheard_of(type):
        typer.echo(f"cozeloop: {said}", err=True)


def _since(text: str) -> tuple[int, datetime | None]:
    if not text:
        return 0, None
    if text.isdecimal():
        return max(0, int(text) - 1), None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"neither a position nor an ISO time: {text}", param_hint="--since") from None
    return 0, at if at.tzinfo else at.replace(tzinfo=UTC)
