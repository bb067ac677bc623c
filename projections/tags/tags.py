"""Which tags a space has, as they are now: for lists, and for whoever marks something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, or_, select
from sqlalchemy.schema import SchemaItem

from events.event import Erased, Event, Recorded
from events.tags import OptionMadeTag, TagContent, TagCreated, TagRevised, TagStatusChanged
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import behind, directed, micros, number_of

Row = Mapping[str, Any]
ORDERS = ("updated_at", "created_at")


def columns() -> list[SchemaItem]:
    """One row a key. ``content`` is JSON; ``domains`` has a comma around each; times in microseconds."""
    return [
        Column("tag_key_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("name", sql.key(128), nullable=False),
        Column("name_folded", sql.LongText, nullable=False),
        Column("tag_type", sql.key(16), nullable=False),
        Column("content_type", sql.key(32), nullable=False),
        Column("domains", sql.key(64), nullable=False),
        Column("status", sql.key(16), nullable=False),
        Column("version", sql.key(128), nullable=False),
        Column("version_num", sql.Micros, nullable=False),
        Column("content", sql.LongText, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_by", sql.key(64), nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
        Index("by_space", "space_id", "updated_at"),
    ]


def said(content: TagContent | Erased, domains: Sequence[str]) -> dict[str, Any]:
    """The columns of a version's content; empty when its key has been destroyed."""
    name = "" if isinstance(content, Erased) else content.name
    return {
        "name": name,
        "name_folded": name.casefold(),
        "domains": "".join(f",{d}" for d in domains) + ",",
        "content": "{}" if isinstance(content, Erased) else content.model_dump_json(),
    }


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a key changes."""
    keys, touch = ["tag_key_id"], ["version_num", "updated_by", "updated_at"]
    create = sql.upsert(table, keys, ())
    content = ["name", "name_folded", "domains", "content"]
    revise = sql.change(table, keys, [*content, "version", *touch])
    promote = sql.change(table, keys, [*content, "version", "tag_type", *touch])
    turn = sql.change(table, keys, ["status", *touch])

    def touched(r: Recorded[Any]) -> dict[str, Any]:
        return {
            "k_tag_key_id": r.event.tag_key_id,
            "version_num": r.event.version_num,
            "updated_by": r.meta.actor,
            "updated_at": micros(r.meta.occurred_at),
        }

    def created(r: Recorded[TagCreated]) -> list[Change]:
        event, at = r.event, micros(r.meta.occurred_at)
        row = {
            "tag_key_id": event.tag_key_id,
            "space_id": r.stream.space,
            "tag_type": event.tag_type,
            "content_type": event.content_type,
            "status": "active",
            "version": event.version,
            "version_num": 1,
            "created_by": r.meta.actor,
            "created_at": at,
            "updated_by": r.meta.actor,
            "updated_at": at,
        }
        return [(create, row | said(event.content, event.domains))]

    def revised(r: Recorded[TagRevised]) -> list[Change]:
        return [(revise, touched(r) | {"version": r.event.version} | said(r.event.content, r.event.domains))]

    def promoted(r: Recorded[OptionMadeTag]) -> list[Change]:
        facts = {"version": r.event.version, "tag_type": "tag"}
        return [(promote, touched(r) | facts | said(r.event.content, r.event.domains))]

    def turned(r: Recorded[TagStatusChanged]) -> list[Change]:
        return [(turn, touched(r) | {"status": r.event.status})]

    return {TagCreated: created, TagRevised: revised, OptionMadeTag: promoted, TagStatusChanged: turned}


TAGS = ReadModel("tags", 1, columns, projector)


@dataclass(frozen=True)
class TagFilter:
    """What a list is narrowed to; ``name`` is the whole name, ``name_like`` a part of it without case."""

    space_id: str
    name: str = ""
    name_like: str = ""
    content_types: Sequence[str] = ()
    domains: Sequence[str] = ()
    created_by: Sequence[str] = ()


def get_tag(conn: Connection, tag_key_id: str) -> Row | None:
    """A key as it is now, also a deprecated one."""
    t = TAGS.live(conn)
    return conn.execute(select(t).where(t.c.tag_key_id == tag_key_id)).mappings().first()


def get_tags(conn: Connection, space_id: str, tag_key_ids: Sequence[str]) -> list[Row]:
    """Those of the keys that are the space's."""
    t = TAGS.live(conn)
    return list(
        conn.execute(select(t).where(t.c.tag_key_id.in_(list(tag_key_ids)), t.c.space_id == space_id)).mappings()
    )


def search_tags(
    conn: Connection,
    wanted: TagFilter,
    order_by: str,
    ascending: bool,
    size: int,
    offset: int = 0,
    after: tuple[int, str] | None = None,
) -> tuple[list[Row], int]:
    """``size`` tags in use from ``offset``, or behind the place ``after`` (its time and id); and their number."""
    t = TAGS.live(conn)
    where = [t.c.space_id == wanted.space_id, t.c.tag_type == "tag", t.c.status.in_(["active", "inactive"])]
    if wanted.name:
        where.append(t.c.name == wanted.name)
    if wanted.name_like:
        where.append(sql.contains(t.c.name_folded, wanted.name_like.casefold()))
    if wanted.content_types:
        where.append(t.c.content_type.in_(list(wanted.content_types)))
    if wanted.domains:
        where.append(or_(*(sql.contains(t.c.domains, f",{d},") for d in wanted.domains)))
    if wanted.created_by:
        where.append(t.c.created_by.in_(list(wanted.created_by)))
    total = number_of(conn, t, where)
    order = (t.c[order_by], t.c.tag_key_id)
    if after is not None:
        where.append(behind(after, ascending, *order))
        offset = 0
    rows = conn.execute(select(t).where(*where).order_by(*directed(ascending, *order)).limit(size).offset(offset))
    return list(rows.mappings()), total
