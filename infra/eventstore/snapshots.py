"""Disposable copies of folded states: a long or cold stream is read from its copy on.

A copy is never authority: it is taken only when the log still holds the very event at which it stands, what comes
after is read from the log, and the append's expectation protects as always. It is sealed under its space's key, it
names the code that folded it, and a state that does not come back equal is not kept. Whatever goes wrong with a copy,
the state is folded from the log. Written in the background, never waited for by a command.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, MetaData, Table, delete, select

from events.event import Stream
from infra.eventstore.cache import Key
from infra.eventstore.log import Loaded, Seen, Tail, last_alone
from infra.sql.database import Database
from infra.sql.dialect import LongText, Micros, create_table, key, upsert
from infra.vault.keys import KeyMissing, Keyring

log = logging.getLogger(__name__)

FORMAT = "1"
MOST_KEPT = 100_000
MOST_WAITING = 1_000
AT_ONCE = 50
"""States that are written in one transaction."""

TABLE = Table(
    "state_snapshots",
    MetaData(),
    Column("id", key(64), primary_key=True),
    Column("space", key(128), nullable=False),
    Column("streams", LongText, nullable=False),
    Column("code", key(64), nullable=False),
    Column("position", Micros, nullable=False),
    Column("sealed", LongText, nullable=False),
)
"""One row a state: the fold and its streams make the id, ``code`` is that which folded it."""

_PUT = upsert(TABLE, ["id"])


def code_digest(*packages: ModuleType) -> str:
    """Of every source file of the packages: another fold is another digest."""
    digest = hashlib.sha256(FORMAT.encode())
    for package in packages:
        for folder in package.__path__:
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Waiting:
    """A state that is to be written, folded from so many events."""

    key: Key
    loaded: Loaded[Any]
    length: int


class Snapshots:
    """The copies in one database, of states folded by one code from one log. ``after``: how many events make one."""

    def __init__(self, database: Database, keyring: Keyring, code: str, after: int = 20) -> None:
        self._database = database
        self._keyring = keyring
        self._code = code
        self._after = after
        self._log_id = ""
        self._kept: dict[str, int] = {}
        self._waiting: dict[str, Waiting] = {}
        self._more = asyncio.Event()

    async def open(self, log_id: str) -> None:
        """Makes the table, and forgets what other code folded."""
        self._log_id = log_id
        self._kept = await self._database.write(_opened, self._code)

    async def get(self, key: Key, initial: Any) -> Loaded[Any] | None:
        """The state as it was copied, None when there is no copy that can be used."""
        id = self._id(key)
        if id not in self._kept:
            return None
        try:
            sealed = await self._database.read(_sealed, id)
            return None if sealed is None else await self._open(id, sealed, initial)
        except Exception as error:
            self.drop(key)
            log.warning("a state is folded from the log, its copy cannot be used: %s", error)
            return None

    def drop(self, key: Key) -> None:
        """The copy is not looked at again; the next one takes its place."""
        self._kept.pop(self._id(key), None)

    def consider(self, key: Key, loaded: Loaded[Any], news: int = 0) -> None:
        """Has the state written if a load had to read many events (``news``), or it has grown much since its copy."""
        if not self._after or sum(tail.version for tail in loaded.tails.values()) < self._after:
            return
        length = sum(tail.version for name, tail in loaded.tails.items() if not last_alone(key[1], Stream.parse(name)))
        if length < self._after or len({name.partition(".")[0] for name in key[2]}) != 1:
            return
        id = self._id(key)
        before = self._kept.get(id)
        grown = length - (before or 0)
        if news < self._after and grown < max(self._after, length // 10):
            return
        if (before is None and len(self._kept) >= MOST_KEPT) or len(self._waiting) >= MOST_WAITING:
            return
        self._waiting[id] = Waiting(key, loaded, length)
        self._more.set()

    async def write_for_ever(self) -> None:
        """Writes what waits, a few states a transaction."""
        while True:
            await self._more.wait()
            self._more.clear()
            try:
                await self.flush()
            except Exception as error:
                log.warning("states were not copied: %s", error)
                self._waiting.clear()

    async def flush(self) -> None:
        """Returns when nothing waits."""
        while self._waiting:
            ids = list(self._waiting)[:AT_ONCE]
            rows, lengths = [], {}
            for id in ids:
                waiting = self._waiting.pop(id)
                if (row := await self._row(id, waiting)) is not None:
                    rows.append(row)
                    lengths[id] = waiting.length
                await asyncio.sleep(0)
            if rows:
                await self._database.write(_put, sorted(rows, key=lambda r: str(r["id"])))
                self._kept |= lengths

    async def clear(self) -> None:
        """Deletes every copy."""
        self._waiting.clear()
        self._kept.clear()
        await self._database.write(_cleared)

    async def remove(self, space: str) -> int:
        """Deletes the copies of a space's states; how many there were."""
        self._waiting.clear()
        ids = await self._database.write(_removed, space)
        for id in ids:
            self._kept.pop(id, None)
        return len(ids)

    async def _row(self, id: str, waiting: Waiting) -> Mapping[str, Any] | None:
        key, loaded = waiting.key, waiting.loaded
        space = key[2][0].partition(".")[0]
        try:
            plain = encoded(loaded)
            space_key = self._keyring.current(space) or await self._keyring.of(space)
        except (KeyMissing, Unlike, ValueError, TypeError) as error:
            log.debug("the state of %s is not copied: %s", key[2][0], error)
            return None
        nonce, sealed = space_key.seal(plain, self._bound(id))
        wire = {"key": space_key.id, "nonce": b64encode(nonce).decode(), "sealed": b64encode(sealed).decode()}
        return {
            "id": id,
            "space": space,
            "streams": " ".join(key[2]),
            "code": self._code,
            "position": max(t.position for t in loaded.tails.values()),
            "sealed": orjson.dumps(wire).decode(),
        }

    async def _open(self, id: str, text: str, initial: Any) -> Loaded[Any]:
        wire = orjson.loads(text)
        space_key = self._keyring.cached(wire["key"]) or await self._keyring.by_id(wire["key"])
        if space_key is None:
            raise KeyMissing("its key has been destroyed")
        try:
            plain = space_key.open(b64decode(wire["nonce"]), b64decode(wire["sealed"]), self._bound(id))
        except InvalidTag:
            raise ValueError("it was altered, or is that of another log") from None
        return decoded(plain, type(initial))

    def _id(self, key: Key) -> str:
        evolve, last_only, names = key
        kinds = sorted(last_only) if isinstance(last_only, frozenset) else last_only
        fold = (evolve.__module__, evolve.__qualname__, kinds, names)
        return hashlib.sha256(orjson.dumps(fold)).hexdigest()

    def _bound(self, id: str) -> bytes:
        return f"snapshot/{self._log_id}/{self._code}/{id}".encode()


class Unlike(Exception):
    """The state does not come back equal from its copy."""


def encoded(loaded: Loaded[Any]) -> bytes:
    """A state with its tails and commands as JSON; raises Unlike for one that JSON does not hold."""
    state = loaded.state
    if not is_dataclass(state):
        raise Unlike(f"{type(state).__name__} is no dataclass")
    plain = orjson.dumps(
        {
            "state": _adapter(type(state)).dump_python(state, mode="json"),
            "tails": {n: [t.version, t.position, t.hash] for n, t in loaded.tails.items()},
            "commands": [[id, seen.position, seen.digest] for id, seen in loaded.commands.items()],
        }
    )
    if decoded(plain, type(state)).state != state:
        raise Unlike(f"a {type(state).__name__} comes back as another")
    return plain


def decoded(plain: bytes, cls: type[Any]) -> Loaded[Any]:
    """What `encoded` made; raises ValueError."""
    found = orjson.loads(plain)
    return Loaded(
        _adapter(cls).validate_python(found["state"]),
        {name: Tail(*tail) for name, tail in found["tails"].items()},
        {id: Seen(position, digest) for id, position, digest in found["commands"]},
    )


@cache
def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _opened(conn: Connection, code: str) -> dict[str, int]:
    create_table(conn, TABLE)
    conn.execute(delete(TABLE).where(TABLE.c.code != code))
    return dict.fromkeys(conn.scalars(select(TABLE.c.id).limit(MOST_KEPT)), 0)


def _sealed(conn: Connection, id: str) -> str | None:
    found: str | None = conn.scalar(select(TABLE.c.sealed).where(TABLE.c.id == id))
    return found


def _put(conn: Connection, rows: list[Mapping[str, Any]]) -> None:
    conn.execute(_PUT, rows)


def _removed(conn: Connection, space: str) -> list[str]:
    ids = list(conn.scalars(select(TABLE.c.id).where(TABLE.c.space == space)))
    conn.execute(delete(TABLE).where(TABLE.c.space == space))
    return ids


def _cleared(conn: Connection) -> None:
    conn.execute(delete(TABLE))
