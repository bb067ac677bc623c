"""Every committed version with its whole content, for ever: what mget serves and experiments pin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Table, func, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.prompts import PromptCommitted
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import json_of, micros, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a version. ``detail`` is JSON; ``revision`` counts the prompt's events; times in microseconds."""
    return [
        Column("prompt_id", sql.Id, primary_key=True),
        Column("version", sql.key(128), primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("base_version", sql.key(128), nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("detail", sql.LongText, nullable=False),
        Column("digest", sql.key(64), nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("draft_revision", BigInteger, nullable=False),
        Column("committed_by", sql.key(64), nullable=False),
        Column("committed_at", sql.Micros, nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """A commit is one row; nothing changes it afterwards."""
    commit = sql.upsert(table, ["prompt_id", "version"], ())

    def committed(r: Recorded[PromptCommitted]) -> list[Change]:
        event = r.event
        row = {
            "prompt_id": event.prompt_id,
            "version": event.version,
            "space_id": r.stream.space,
            "base_version": event.base_version,
            "description": text_of(event.description),
            "detail": json_of(event.detail),
            "digest": event.digest,
            "revision": r.version,
            "position": r.position,
            "draft_revision": event.draft_revision,
            "committed_by": event.committed_by,
            "committed_at": micros(r.meta.occurred_at),
        }
        return [(commit, row)]

    return {PromptCommitted: committed}


PROMPT_COMMITS = ReadModel("prompt_commits", 1, columns, projector)


def get_prompt_version(conn: Connection, prompt_id: str, version: str) -> Row | None:
    """A committed version with its detail, also of a deleted prompt."""
    t = PROMPT_COMMITS.live(conn)
    found = conn.execute(select(t).where(t.c.prompt_id == prompt_id, t.c.version == version))
    return found.mappings().first()


def list_commits(
    conn: Connection, prompt_id: str, size: int, start: int, ascending: bool, with_detail: bool
) -> tuple[list[Row], int]:
    """Up to ``size`` commits from position ``start`` on (0 = the first) and the next page's start, 0 when none."""
    t = PROMPT_COMMITS.live(conn)
    wanted = [c for c in t.c if with_detail or c.name != "detail"]
    query = select(*wanted).where(t.c.prompt_id == prompt_id).limit(size + 1)
    query = query.order_by(t.c.position.asc() if ascending else t.c.position.desc())
    if start:
        query = query.where(t.c.position >= start if ascending else t.c.position <= start)
    rows: list[Row] = list(conn.execute(query).mappings())
    return rows[:size], rows[size]["position"] if len(rows) > size else 0


def settled_drafts(conn: Connection, user_id: str, prompt_ids: Sequence[str]) -> dict[str, int]:
    """The highest draft revision that the user committed of each prompt; drafts at or below it are no drafts."""
    t = PROMPT_COMMITS.live(conn)
    rows = conn.execute(
        select(t.c.prompt_id, func.max(t.c.draft_revision))
        .where(t.c.prompt_id.in_(list(prompt_ids)), t.c.committed_by == user_id)
        .group_by(t.c.prompt_id)
    )
    return {row[0]: row[1] for row in rows}
