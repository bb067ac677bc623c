"""L3, L4: the envelope's form and the chain, with vectors that must never change."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.event import Metadata, Stream
from infra.eventstore.envelope import headers_of, link, metadata_of, quote, timestamp, unquote_value
from infra.vault.keys import SpaceKey

META = Metadata("9", "c0ffee", datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "d1", "cause", "thread")
HEADERS = headers_of(
    log_id="1234", stream=Stream("7", "notes", "5"), type_="Noted", schema_version=2, version=3, index=1, meta=META
)


def test_the_envelope_is_cloudevents_in_binary_mode():
    assert HEADERS == {
        "ce-id": "c0ffee.1",
        "ce-source": "urn:cozeloop:1234",
        "ce-type": "Noted",
        "ce-time": "2025-01-02T03:04:05.678901Z",
        "ce-specversion": "1.0",
        "ce-subject": "7.notes.5",
        "ce-dataschema": "urn:cozeloop:event:Noted:2",
        "ce-datacontenttype": "application/json",
        "ce-streamversion": "3",
        "ce-actor": "9",
        "ce-commandid": "c0ffee",
        "ce-commanddigest": "d1",
        "ce-causation": "cause",
        "ce-correlation": "thread",
    }
    assert metadata_of(HEADERS) == META


def test_the_hash_of_an_event_is_what_it_always_was():
    assert link("", HEADERS, b'{"a":1}') == "37c22d8f0b996d57c3d55309d64e881d30203c6915db2737aea9cd2297be81d2"
    assert link("ab" * 32, HEADERS, b"") == "ca7e13bd6bcbfecc96966d034015e5c92fd70d6d170a673f88e7e3094ddc1d20"


def test_servers_headers_do_not_bear_on_the_hash_and_ours_do():
    base = link("", HEADERS, b"x")
    assert link("", {**HEADERS, "Nats-Batch-Id": "1", "ce-hash": "z"}, b"x") == base
    assert link("", {**HEADERS, "ce-actor": "8"}, b"x") != base
    assert link("", HEADERS, b"y") != base
    assert link("a", HEADERS, b"x") != base


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_survives_a_header(text):
    quoted = quote(text)
    assert unquote_value(quoted) == text
    assert all(0x21 <= ord(c) <= 0x7E and c != '"' for c in quoted)


def test_bytes_that_are_no_utf8_are_refused():
    with pytest.raises(UnicodeDecodeError):
        unquote_value("%FF")


def test_a_time_of_another_zone_is_written_in_utc():
    at = datetime(2025, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(at) == "2025-01-02T03:04:05.000000Z"


def test_a_sealed_value_is_what_it_always_was():
    key = SpaceKey("7.1", bytes(range(32)))
    nonce, sealed = key.seal(b'"text"', b"7.notes.5/Noted/text", bytes(12))
    assert sealed.hex() == "83214407e99e6707d5ae16d9f17f6f09f0007a4b2cc7"
    assert key.open(nonce, sealed, b"7.notes.5/Noted/text") == b'"text"'
    assert key.digest(b"name") == "27a1c89db777b237d048e475426ad502"
