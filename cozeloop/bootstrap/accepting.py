"""Going on without events that are gone: the log gets another id, everything else is folded anew from what is left."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, inspect

from cozeloop.following import read_side_stands
from cozeloop.projecting.tables import STANDINGS
from cozeloop.settings import Settings
from cozeloop.workflows.states import POSITIONS, STATES
from events import EVENTS
from events.event import GLOBAL_SPACE, Metadata, Stream
from events.log import LossAccepted, LostRange
from infra import clock
from infra.eventstore.anchor import ANCHOR_FILE, PURPOSE, AnchorFile
from infra.eventstore.connection import reading
from infra.eventstore.guard import FOLLOWS, FOLLOWS_AT, LOST, Stand, log_id_of, lost_of
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Damaged, Tail
from infra.eventstore.reading import Reader
from infra.gaps import Gaps
from infra.messaging.lock import DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.streams import Client, connect, ensure_streams, told_log
from infra.objects import FileObjects
from infra.sql import open_database
from infra.vault.destroyed import DESTROYED_FILE, DestroyedKeys
from infra.vault.installation import installation_key
from infra.vault.vault import open_vault

OPERATOR = "operator"
Line = Mapping[str, Any]


@dataclass
class Loss:
    """What is gone. ``holes``: within the log; ``cut``: behind its end, as its witnesses remember; ``said``: why."""

    end: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)
    cut: tuple[int, int] | None = None
    said: list[str] = field(default_factory=list)


async def accept_loss(settings: Settings, lock: DataDirLock, sure: bool) -> AsyncIterator[Line]:
    """Yields what is gone, then, when ``sure``, what was done; the last line has ``final`` and ``accepted``.

    Nothing may run on the directory. Nothing is changed unless something is gone and the operator is sure.
    """
    data = settings.data_dir
    key = installation_key(data)
    database = open_database(settings.database_url or f"sqlite:///{data / 'read.db'}")
    try:
        async with NatsServer(data / "nats", lock.fd) as server:
            admin = await connect(server.url, server.admin)
            await ensure_streams(admin)

            async def connected(**options: Any) -> Client:
                return await connect(server.url, server.app, **options)

            nc, reader, _ = await reading(connected)
            info = await reader.info()
            known = lost_of(info)
            anchor, trouble = _anchor(data, key.derive(PURPOSE))
            stands = [*anchor, *await read_side_stands(database)]
            loss = await looked(reader, log_id_of(info), known, stands)
            loss.said += trouble
            for sentence in loss.said:
                yield {"said": sentence}
            if not loss.said or not sure:
                await nc.close()
                await admin.close()
                yield {"final": True, "accepted": False, "lost": bool(loss.said)}
                return
            old, new = log_id_of(info), secrets.token_hex(16)
            lost = known.with_ranges(loss.holes)
            await told_log(admin, {"log_id": new, FOLLOWS: old, FOLLOWS_AT: str(loss.end), LOST: str(lost)})
            (data / ANCHOR_FILE).unlink(missing_ok=True)
            await database.write(_forget)
            listed = DestroyedKeys(settings.destroyed_keys or data / DESTROYED_FILE, key.derive("destroyed keys"))
            vault_url = settings.vault_url or f"sqlite:///{data / 'vault.db'}"
            vault = await open_vault(open_database(vault_url, full_sync=True), key, clock.now, listed)
            log = JetStreamLog(connected, EVENTS, vault.keys, FileObjects(data / "objects"))
            await log.open()
            ranges = [*loss.holes, *([loss.cut] if loss.cut else [])]
            event = LossAccepted(
                follows=old, ended_at=loss.end, lost=tuple(LostRange(first=f, last=t) for f, t in ranges)
            )
            stream = Stream(GLOBAL_SPACE, "log", new)
            meta = Metadata(OPERATOR, secrets.token_hex(16), clock.now())
            [recorded] = await log.append([Append(stream, [event])], {stream.name: Tail()}, meta)
            await log.close()
            await vault.close()
            await nc.close()
            await admin.close()
            yield {"said": f"recorded at {log.name}:{recorded.position}; read models are folded at the next start"}
            yield {"final": True, "accepted": True, "lost": True}
    finally:
        await database.close()


def _anchor(data: Path, key: bytes) -> tuple[list[Stand], list[str]]:
    try:
        anchor = AnchorFile(data / ANCHOR_FILE, key).anchor
    except Damaged as damage:
        return [], [str(damage)]
    return [Stand("the anchor file", anchor.log_id, anchor.position, anchor.hash)], []


async def looked(reader: Reader, log_id: str, known: Gaps, stands: list[Stand]) -> Loss:
    """Reads the whole log, and holds against it what its witnesses remember."""
    loss, hashes = Loss(), {s.position: "" for s in stands}
    async for page in reader.pages("events.>"):
        for record in page:
            if record.position > loss.end + 1 and not known.hold(loss.end + 1, record.position - 1):
                loss.holes.append((loss.end + 1, record.position - 1))
                loss.said.append(f"positions {loss.end + 1} to {record.position - 1} are missing")
            loss.end = record.position
            if record.position in hashes:
                hashes[record.position] = record.hash
    last = int((await reader.info())["state"]["last_seq"])
    if last > loss.end:
        loss.holes.append((loss.end + 1, last))
        loss.said.append(f"positions {loss.end + 1} to {last} are missing")
        loss.end = last
    for stand in stands:
        if stand.position and stand.log_id and stand.log_id != log_id:
            loss.said.append(f"{stand.who} follows log {stand.log_id}, this is log {log_id}")
        elif stand.position > loss.end:
            loss.said.append(f"the log ends at {loss.end}, {stand.who} stands at {stand.position}")
            loss.cut = (loss.end + 1, max(stand.position, loss.cut[1] if loss.cut else 0))
        elif stand.hash and hashes.get(stand.position, "") not in ("", stand.hash):
            loss.said.append(f"{stand.who} saw another event at {stand.position}")
    return loss


def _forget(conn: Connection) -> None:
    """Every read model and every process manager is folded from the log's beginning at the next start."""
    for table in (STANDINGS, STATES, POSITIONS):
        if inspect(conn).has_table(table.name):
            conn.execute(delete(table))
