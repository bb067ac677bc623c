"""What may happen to a store: a flipped byte, and an event rewritten by somebody who knows JetStream."""

from __future__ import annotations

from pathlib import Path

from nats.aio.client import Client

from infra.messaging.server import NatsServer
from infra.messaging.streams import ensure_streams
from tests.integration.conftest import Bench


def flip(store: Path, hash: str) -> None:
    """Changes one byte in the payload of the event with this hash, on the disk."""
    for block in sorted(store.rglob("*.blk")):
        data = block.read_bytes()
        if (found := data.find(hash.encode())) >= 0:
            place = data.find(b"\r\n\r\n", found) + 10
            with open(block, "r+b") as file:
                file.seek(place)
                file.write(bytes([data[place] ^ 1]))
            return
    raise AssertionError(f"no event with hash {hash} in {store}")


async def rewrite(store: Path, position: int) -> None:
    """The same log with another payload at ``position``, in records that JetStream finds right."""
    async with NatsServer(store) as server:
        bench = Bench(server)
        admin = await bench.admin()
        js = admin.jetstream()
        info = await js.stream_info("EVENTS")
        messages = [await js.get_msg("EVENTS", n) for n in range(1, info.state.messages + 1)]
        await js.delete_stream("EVENTS")
        info.config.name = "EVENTS"
        await js.add_stream(info.config)
        for number, msg in enumerate(messages, 1):
            data = msg.data.replace(b'":"', b'" :"', 1) if number == position else msg.data
            assert number != position or data != msg.data
            headers = {k: v for k, v in (msg.headers or {}).items() if k.startswith("ce-")}
            ack = await js.publish(msg.subject, data, headers=headers)
            assert ack.seq == number
        await ensure_streams(admin)
        await admin.close()


async def publish(nc: Client, subject: str, data: bytes, headers: dict[str, str]) -> int:
    """A message written past the log; its sequence."""
    return (await nc.jetstream().publish(subject, data, headers=headers)).seq
