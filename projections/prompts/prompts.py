"""Which prompts a space has: lists, and the way from a key to its latest version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, or_, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.prompts import (
    PromptCommitted,
    PromptCreated,
    PromptDeleted,
    PromptRenamed,
    PromptSecurityLevelChanged,
)
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import directed, micros, number_of, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a prompt, kept after its deletion (``deleted_at`` > 0). Times in microseconds, 0 = never."""
    return [
        Column("prompt_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("prompt_key", sql.key(128), nullable=False),
        Column("name", sql.key(128), nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("key_folded", sql.LongText, nullable=False),
        Column("name_folded", sql.LongText, nullable=False),
        Column("prompt_type", sql.key(16), nullable=False),
        Column("security_level", sql.key(8), nullable=False),
        Column("latest_version", sql.key(128), nullable=False),
        Column("latest_committed_at", sql.Micros, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_by", sql.key(64), nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
        Column("deleted_at", sql.Micros, nullable=False),
        Index("by_space", "space_id", "deleted_at", "created_at"),
        Index("by_key", "prompt_key", "space_id"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a prompt changes."""
    keys, touch = ["prompt_id"], ["updated_by", "updated_at"]
    create = sql.upsert(table, keys, ())
    rename = sql.change(table, keys, ["name", "name_folded", "description", *touch])
    secure = sql.change(table, keys, ["security_level", *touch])
    commit = sql.change(table, keys, ["latest_version", "latest_committed_at", *touch])
    delete = sql.change(table, keys, ["deleted_at"])

    def touched(r: Recorded[Any]) -> dict[str, Any]:
        return {"k_prompt_id": r.event.prompt_id, "updated_by": r.meta.actor, "updated_at": micros(r.meta.occurred_at)}

    def created(r: Recorded[PromptCreated]) -> list[Change]:
        event, at = r.event, micros(r.meta.occurred_at)
        key, name = text_of(event.prompt_key), text_of(event.name)
        row = {
            "prompt_id": event.prompt_id,
            "space_id": r.stream.space,
            "prompt_key": key,
            "name": name,
            "description": text_of(event.description),
            "key_folded": key.casefold(),
            "name_folded": name.casefold(),
            "prompt_type": event.prompt_type,
            "security_level": event.security_level,
            "latest_version": "",
            "latest_committed_at": 0,
            "created_by": r.meta.actor,
            "created_at": at,
            "updated_by": r.meta.actor,
            "updated_at": at,
            "deleted_at": 0,
        }
        return [(create, row)]

    def renamed(r: Recorded[PromptRenamed]) -> list[Change]:
        name = text_of(r.event.name)
        named = {"name": name, "name_folded": name.casefold(), "description": text_of(r.event.description)}
        return [(rename, touched(r) | named)]

    def secured(r: Recorded[PromptSecurityLevelChanged]) -> list[Change]:
        return [(secure, touched(r) | {"security_level": r.event.security_level})]

    def committed(r: Recorded[PromptCommitted]) -> list[Change]:
        at = micros(r.meta.occurred_at)
        return [(commit, touched(r) | {"latest_version": r.event.version, "latest_committed_at": at})]

    def deleted(r: Recorded[PromptDeleted]) -> list[Change]:
        return [(delete, {"k_prompt_id": r.event.prompt_id, "deleted_at": micros(r.meta.occurred_at)})]

    return {
        PromptCreated: created,
        PromptRenamed: renamed,
        PromptSecurityLevelChanged: secured,
        PromptCommitted: committed,
        PromptDeleted: deleted,
    }


PROMPTS = ReadModel("prompts", 1, columns, projector)


@dataclass(frozen=True)
class PromptFilter:
    """What a list is narrowed to; ``key_word`` is looked for in key and name, without case."""

    space_id: str
    key_word: str = ""
    created_by: Sequence[str] = ()
    types: Sequence[str] = ("normal",)
    committed_only: bool = False


def get_prompt(conn: Connection, prompt_id: str) -> Row | None:
    """A prompt that is not deleted."""
    t = PROMPTS.live(conn)
    return conn.execute(select(t).where(t.c.prompt_id == prompt_id, t.c.deleted_at == 0)).mappings().first()


def get_prompts(conn: Connection, prompt_ids: Sequence[str]) -> list[Row]:
    """Those of the prompts that ever existed, also deleted ones."""
    t = PROMPTS.live(conn)
    return list(conn.execute(select(t).where(t.c.prompt_id.in_(list(prompt_ids)))).mappings())


def list_prompts(
    conn: Connection, wanted: PromptFilter, order_by: str, ascending: bool, page: int, size: int
) -> tuple[list[Row], int]:
    """Page ``page`` (from 1) of the prompts wanted, and their number. ``order_by``: created_at or committed_at."""
    t = PROMPTS.live(conn)
    where = [t.c.space_id == wanted.space_id, t.c.deleted_at == 0, t.c.prompt_type.in_(list(wanted.types))]
    if wanted.key_word:
        word = wanted.key_word.casefold()
        where.append(or_(sql.contains(t.c.key_folded, word), sql.contains(t.c.name_folded, word)))
    if wanted.created_by:
        where.append(t.c.created_by.in_(list(wanted.created_by)))
    if wanted.committed_only:
        where.append(t.c.latest_version != "")
    by = t.c.latest_committed_at if order_by == "committed_at" else t.c.created_at
    order = directed(ascending, by, t.c.prompt_id)
    total = number_of(conn, t, where)
    rows = conn.execute(select(t).where(*where).order_by(*order).limit(size).offset((page - 1) * size))
    return list(rows.mappings()), total


@dataclass(frozen=True)
class Pointer:
    """What a key stands for now: its prompt and that prompt's latest version, empty when none is committed."""

    prompt_id: str
    latest_version: str


def find_keys(conn: Connection, space_id: str, keys: Sequence[str]) -> dict[str, Pointer]:
    """The pointers of those of the keys that a prompt of the space has now."""
    t = PROMPTS.live(conn)
    rows = conn.execute(
        select(t.c.prompt_key, t.c.prompt_id, t.c.latest_version).where(
            t.c.prompt_key.in_(list(keys)), t.c.space_id == space_id, t.c.deleted_at == 0
        )
    )
    return {row.prompt_key: Pointer(row.prompt_id, row.latest_version) for row in rows}
