"""Headers are read and written as nats-py does it, only quicker."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadHeaderError
from nats.js.api import Header

from infra.nats.lean import LeanClient, header_block
from infra.nats.straight import MOST_JOINED

NAMES = st.one_of(
    st.sampled_from(["ce-id", "ce-commandid", "Nats-Sequence", "Status"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters=":"), min_size=1, max_size=8),
)
VALUES = st.text(st.characters(min_codepoint=0x01, max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=20)


class Sent(Client):
    """Keeps what would go over the wire."""

    def __init__(self) -> None:
        super().__init__()
        self._flush_queue = None
        self.stats = {"out_msgs": 0, "out_bytes": 0}
        self.commands: list[bytes] = []

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        self.commands.append(cmd)


class LeanSent(Sent, LeanClient):
    """The same, lean."""


@pytest.mark.parametrize(
    "name",
    [
        "_parse_header_lines",
        "_send_publish",
        "_send_command",
        "_flush_pending",
        "_close",
        "_connect_to_server",
        "_process_msg",
        "_remove_sub",
    ],
)
def test_nats_py_still_has_what_is_replaced_or_used(name):
    assert callable(getattr(Client, name))


@given(st.lists(st.one_of(st.tuples(NAMES, VALUES).map(": ".join), st.text(max_size=12)), max_size=6))
def test_any_block_is_read_as_nats_py_reads_it(lines):
    raw = "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace") + b"\r\n"
    assert LeanClient._parse_header_lines(raw) == Client._parse_header_lines(raw)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
async def test_any_headers_are_sent_as_nats_py_sends_them(headers):
    plain, lean = Sent(), LeanSent()
    try:
        await plain._send_publish("events.a", "reply", b"data", 4, headers)
    except BadHeaderError:
        with pytest.raises(BadHeaderError):
            await lean._send_publish("events.a", "reply", b"data", 4, headers)
    else:
        await lean._send_publish("events.a", "reply", b"data", 4, headers)
        assert lean.commands == plain.commands
        assert lean.stats == plain.stats


def test_ordinary_headers_take_the_short_way():
    assert header_block({"ce-id": "1.0", "Nats-Batch-Id": "a"}) == b"NATS/1.0\r\nce-id: 1.0\r\nNats-Batch-Id: a\r\n\r\n"
    assert header_block({"ce-id": "1\r\nNats-TTL: 1s"}) is None


async def test_names_of_an_enumeration_are_sent_by_their_text():
    plain, lean = Sent(), LeanSent()
    for client in (plain, lean):
        await client._send_publish("events.a", "", b"", 0, {Header.EXPECTED_LAST_SUBJECT_SEQUENCE: "0"})
    assert lean.commands == plain.commands


NAMED = st.dictionaries(
    st.sampled_from(["ce-id", "Nats-Sequence", "x y"]), st.sampled_from(["1", " 2 ", ""]), max_size=3
)
STRAIGHT, QUEUED = 1, 2


def framed(sid: int, reply: str, headers: dict[str, str] | None, data: bytes) -> bytes:
    """A message as a server sends it."""
    to = f"events.a {sid} {reply}".strip()
    if headers is None:
        return f"MSG {to} {len(data)}\r\n".encode() + data + b"\r\n"
    status = " 404 Nothing" if "x y" in headers else ""
    head = f"NATS/1.0{status}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
    return f"HMSG {to} {len(head)} {len(head) + len(data)}\r\n{head}".encode() + data + b"\r\n"


async def received(client: Client, pieces: list[bytes]) -> tuple[list[tuple[object, ...]], dict[str, int]]:
    """What arrives on both subscriptions, and nats-py's own counts."""
    client._flush_queue = None
    found: list[tuple[object, ...]] = []

    def take(msg: Msg) -> None:
        found.append((msg.subject, msg.reply, msg.data, msg.headers))

    for sid in (STRAIGHT, QUEUED):
        client._subs[sid] = Subscription(client, sid, "events.a")
        client._subs[sid]._pending_queue = asyncio.Queue()
    if isinstance(client, LeanClient):
        client._ps.takers[STRAIGHT] = take
    for piece in pieces:
        await client._ps.parse(piece)
    assert not client._ps.buf
    for sid in (STRAIGHT, QUEUED):
        queue = client._subs[sid]._pending_queue
        while not queue.empty():
            take(queue.get_nowait())
    return found, {name: client.stats[name] for name in ("in_msgs", "in_bytes")}


@given(st.data())
async def test_messages_arrive_as_with_nats_py_however_their_bytes_are_cut(data):
    each = st.builds(
        framed,
        st.sampled_from([STRAIGHT, QUEUED]),
        st.sampled_from(["", "_INBOX.a"]),
        st.none() | NAMED,
        st.sampled_from([b"", b"data", b"\r\nHMSG events.a 1 2 3\r\n", b"x" * 40]),
    )
    sent = b"".join(data.draw(st.lists(each | st.just(b"+OK\r\n"), max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    pieces = [sent[a:b] for a, b in itertools.pairwise([0, *cuts, len(sent)])]
    assert await received(LeanClient(), pieces) == await received(Client(), pieces)


async def test_a_long_message_is_gathered_by_nats_py():
    sent = framed(STRAIGHT, "", {"ce-id": "1"}, b"x" * (MOST_JOINED + 1))
    pieces = [sent[at : at + 32_768] for at in range(0, len(sent), 32_768)]
    assert await received(LeanClient(), pieces) == await received(Client(), pieces)
