"""The ends of streams come back as they were put, whatever a damaged log says of them."""

from hashlib import sha256

import pytest

from infra.eventstore.tails import Tails

HASH = sha256(b"1").hexdigest()


def test_a_stream_that_has_not_begun_has_no_version_hash_or_position() -> None:
    assert Tails().of("7.notes.5") == (0, "", 0)


def test_the_last_end_of_each_stream_is_known() -> None:
    tails = Tails()
    tails.put("7.notes.5", 1, sha256(b"0").hexdigest(), 1)
    tails.put("7.notes.6", 1, HASH, 2)
    tails.put("7.notes.5", 2, HASH, 1 << 40)
    assert (tails.of("7.notes.5"), tails.of("7.notes.6")) == ((2, HASH, 1 << 40), (1, HASH, 2))
    assert len(tails) == 2


@pytest.mark.parametrize("hash", ["", "no digest", "é"])
def test_what_is_no_event_has_no_hash_that_another_could_name(hash: str) -> None:
    tails = Tails()
    tails.put("nonsense", 1 << 70, hash, 3)
    version, named, position = tails.of("nonsense")
    assert version > 1 and (named, position) == ("", 3)
