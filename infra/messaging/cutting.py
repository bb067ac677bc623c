"""Takes the end off a stream: of a stopped server's files, or message by message of a running one.

A log may have no hole, so nothing of it can be deleted: its last messages have to be as if they had never come, with
their sequences given out again. JetStream has no request for that. Its files do: a block holds one record after the
other (length, sequence, time, subject, message, checksum), and a server that finds no index reads the blocks anew.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from nats.aio.client import Client

from infra.nats.connecting import JetStreamRefused, ask

RECORD = struct.Struct("<IQqH")
"""Length with a mark for headers, sequence with two marks, nanoseconds since 1970, length of the subject."""
HEADERS = 1 << 31
ERASED, TOMBSTONE = 1 << 63, 1 << 62
SMALLEST = RECORD.size + 8
AT_ONCE = 64


class StoreNotUnderstood(Exception):
    """The files are not what this release knows of nats-server's; nothing was changed in the one that it names."""


def cut_files(store: Path, stream: str, last: int) -> None:
    """Removes every message behind the sequence ``last`` from a stopped server's store, at least one stays.

    Raises StoreNotUnderstood. Whoever calls looks at the result: what is left must end with ``last``.
    """
    found = [p for p in store.glob(f"js/jetstream/*/streams/{stream}/msgs") if p.is_dir()]
    if len(found) != 1:
        raise StoreNotUnderstood(f"{store} holds {len(found)} streams {stream}")
    for block in sorted(found[0].glob("*.blk"), key=lambda p: int(p.stem), reverse=True):
        data = block.read_bytes()
        cut = next((at for at, sequence in _records(block, data) if sequence > last), None)
        if cut:
            os.truncate(block, cut)
        elif cut == 0:
            block.unlink()
            continue
        if any(sequence for _, sequence in _records(block, data[:cut])):
            break
    (found[0] / "index.db").unlink(missing_ok=True)


def _records(block: Path, data: bytes) -> Iterator[tuple[int, int]]:
    """Each record's place and sequence, 0 for one that says that another was deleted."""
    at = 0
    while at < len(data):
        if at + SMALLEST > len(data):
            raise StoreNotUnderstood(f"{block} ends within a record")
        length, sequence, _, subject = RECORD.unpack_from(data, at)
        size = length & ~HEADERS
        if size < SMALLEST + subject or at + size > len(data):
            raise StoreNotUnderstood(f"{block} has no record at {at}")
        yield at, 0 if sequence & (ERASED | TOMBSTONE) else sequence
        at += size


async def cut_since(admin: Client, stream: str, time: datetime) -> int:
    """Deletes every message stored after a time, to the microsecond; returns how many. Sequences go on behind them."""
    removed = 0
    while first := await _first_after(admin, stream, time):
        last = int((await ask(admin, f"$JS.API.STREAM.INFO.{stream}"))["state"]["last_seq"])
        before = removed
        for start in range(first, last + 1, AT_ONCE):
            some = range(start, min(start + AT_ONCE, last + 1))
            removed += sum(await asyncio.gather(*(_deleted(admin, stream, sequence) for sequence in some)))
        if removed == before:
            raise StoreNotUnderstood(f"message {first} of {stream} cannot be deleted")
    return removed


async def _first_after(admin: Client, stream: str, time: datetime) -> int:
    since = (time.astimezone(UTC) + timedelta(microseconds=1)).isoformat()
    body = orjson.dumps({"start_time": since, "batch": 1, "next_by_subj": ">"})
    headers = (await admin.request(f"$JS.API.DIRECT.GET.{stream}", body, timeout=30)).headers or {}
    return 0 if "Status" in headers else int(headers["Nats-Sequence"])


async def _deleted(admin: Client, stream: str, sequence: int) -> bool:
    """Whether it was there."""
    try:
        await ask(admin, f"$JS.API.STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True}, timeout=30)
    except JetStreamRefused:
        return False
    return True
