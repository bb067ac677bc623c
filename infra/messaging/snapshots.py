"""A whole stream as one file, with its sequences and times, taken from a running server and put into an empty one.

The server's own form (JetStream's snapshot API). Chunks go with flow control in both directions, so that neither
side holds more than a few of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from infra.nats.connecting import JetStreamAway, JetStreamRefused, ask

CHUNK_BYTES = 128 * 1024
PUT_BACK_BYTES = 32 * 1024
"""A server writes a restored stream message by message and gives up on a piece that takes it five seconds."""
SILENCE_SECONDS = 30.0
"""A server that sends or takes nothing for so long is taken for dead."""
IN_MEMORY = "memory"
KEY_VALUE = "KV_"
"""Names of streams that hold what a process makes anew at each start."""


class Broken(Exception):
    """A snapshot that ended before its end; what was written of it is worth nothing."""


async def kept_streams(nc: Client) -> list[str]:
    """Names of the streams that lie on the disk and belong in a backup."""
    names: list[str] = (await ask(nc, "$JS.API.STREAM.NAMES")).get("streams") or []
    infos = {name: await ask(nc, f"$JS.API.STREAM.INFO.{name}") for name in names if not name.startswith(KEY_VALUE)}
    return sorted(name for name, info in infos.items() if info["config"]["storage"] != IN_MEMORY)


async def taken(nc: Client, stream: str, about: dict[str, Any]) -> AsyncIterator[bytes]:
    """The stream's snapshot in chunks; ``about`` gets its ``config`` and its ``state`` as it began. Raises Broken."""
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox)
    try:
        asked = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": CHUNK_BYTES, "jsck": True}
        answer = await ask(nc, f"$JS.API.STREAM.SNAPSHOT.{stream}", asked, timeout=SILENCE_SECONDS)
        about.update(config=answer["config"], state=answer["state"])
        while True:
            try:
                msg = await subscription.next_msg(timeout=SILENCE_SECONDS)
            except (NatsError, asyncio.CancelledError) as error:
                raise Broken(f"the snapshot of {stream} broke off: {error or type(error).__name__}") from error
            if not msg.data:
                status = (msg.headers or {}).get("Status", "")
                if status and status != "204":
                    raise Broken(
                        f"the snapshot of {stream} broke off: {status} {(msg.headers or {}).get('Description')}"
                    )
                return
            yield msg.data
            if msg.reply:
                await nc.publish(msg.reply)
    finally:
        if nc.is_connected:
            await subscription.unsubscribe()


async def put_back(admin: Client, about: dict[str, Any], chunks: Iterable[bytes]) -> dict[str, Any]:
    """Makes the stream of a snapshot and returns its info; raises JetStreamRefused when there is one of that name."""
    name = about["config"]["name"]
    asked = {"config": about["config"], "state": about["state"]}
    subject = (await ask(admin, f"$JS.API.STREAM.RESTORE.{name}", asked))["deliver_subject"]
    for chunk in chunks:
        for at in range(0, len(chunk), PUT_BACK_BYTES):
            await _sent(admin, subject, chunk[at : at + PUT_BACK_BYTES])
    return await _sent(admin, subject, b"")


async def _sent(nc: Client, subject: str, data: bytes) -> dict[str, Any]:
    import orjson

    try:
        reply = await nc.request(subject, data, timeout=SILENCE_SECONDS)
    except NatsError as error:
        raise JetStreamAway(f"the restore broke off: {error}") from error
    answer: dict[str, Any] = orjson.loads(reply.data) if reply.data else {}
    if "error" in answer:
        raise JetStreamRefused(subject, answer["error"])
    return answer
