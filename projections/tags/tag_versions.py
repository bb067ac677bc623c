"""Every version of every tag: what it said, and what it was changed from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, select
from sqlalchemy.schema import SchemaItem

from events.event import Erased, Event, Recorded
from events.tags import OptionMadeTag, TagContent, TagCreated, TagRevised, TagStatusChanged
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros, number_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a version; its content is that of ``content_num``, where it stands once. Times in microseconds."""
    return [
        Column("tag_key_id", sql.Id, primary_key=True),
        Column("version_num", sql.Micros, primary_key=True, autoincrement=False),
        Column("space_id", sql.Id, nullable=False),
        Column("content_num", sql.Micros, nullable=False),
        Column("version", sql.key(128), nullable=False),
        Column("status", sql.key(16), nullable=False),
        Column("domains", sql.key(64), nullable=False),
        Column("content", sql.LongText, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a key adds."""
    add = sql.upsert(table, ["tag_key_id", "version_num"], ())

    def added(r: Recorded[Any], number: int, **facts: Any) -> list[Change]:
        row = {
            "tag_key_id": r.event.tag_key_id,
            "version_num": number,
            "space_id": r.stream.space,
            "content_num": number,
            "version": "",
            "status": "",
            "domains": "",
            "content": "{}",
            "created_by": r.meta.actor,
            "created_at": micros(r.meta.occurred_at),
        }
        return [(add, row | facts)]

    def said(r: Recorded[TagCreated | TagRevised | OptionMadeTag]) -> list[Change]:
        event = r.event
        content: TagContent | Erased = event.content
        return added(
            r,
            1 if isinstance(event, TagCreated) else event.version_num,
            version=event.version,
            status="active" if isinstance(event, TagCreated) else event.status,
            domains="".join(f",{d}" for d in event.domains) + ",",
            content="{}" if isinstance(content, Erased) else content.model_dump_json(),
        )

    def turned(r: Recorded[TagStatusChanged]) -> list[Change]:
        event = r.event
        return added(r, event.version_num, content_num=event.content_num, status=event.status)

    return {TagCreated: said, TagRevised: said, OptionMadeTag: said, TagStatusChanged: turned}


TAG_VERSIONS = ReadModel("tag_versions", 1, columns, projector)


def list_tag_versions(
    conn: Connection, tag_key_id: str, size: int, offset: int = 0, before: int | None = None
) -> tuple[list[Row], int]:
    """Versions with their content, newest first, from ``offset`` or from below version ``before``; their number.

    One more than ``size`` is given when there is one: what the last of the page was changed from.
    """
    t = TAG_VERSIONS.live(conn)
    c = t.alias("c")
    where = [t.c.tag_key_id == tag_key_id]
    total = number_of(conn, t, where)
    if before is not None:
        where.append(t.c.version_num < before)
        offset = 0
    with_content = select(
        *(t.c[n] for n in ("tag_key_id", "version_num", "space_id", "status", "created_by", "created_at")),
        *(c.c[n] for n in ("version", "domains", "content")),
    ).join(c, and_(c.c.tag_key_id == t.c.tag_key_id, c.c.version_num == t.c.content_num))
    newest_first = with_content.where(*where).order_by(t.c.version_num.desc())
    rows = conn.execute(newest_first.limit(size + 1).offset(offset))
    return list(rows.mappings()), total
