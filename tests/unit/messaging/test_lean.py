"""Headers are read and written as nats-py does it, only quicker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import BadHeaderError
from nats.js.api import Header

from infra.messaging.lean import LeanClient, header_block

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
    "name", ["_parse_header_lines", "_send_publish", "_send_command", "_flush_pending", "_close", "_connect_to_server"]
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
