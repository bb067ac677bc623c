"""A nonce is never used twice, also not by two threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from infra.vault.keys import NONCE_BYTES, NONCES_AT_ONCE, SpaceKey, fresh_nonce


def test_nonces_are_whole_and_all_different_over_many_draws_and_threads():
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: fresh_nonce(), range(NONCES_AT_ONCE * 20)))
    assert {len(nonce) for nonce in drawn} == {NONCE_BYTES}
    assert len(set(drawn)) == len(drawn)


def test_the_same_text_is_sealed_differently_each_time():
    key = SpaceKey("7.1", b"k" * 32)
    sealed = [key.seal(b"text", b"aad") for _ in range(NONCES_AT_ONCE * 2)]
    assert len({nonce for nonce, _ in sealed}) == len({text for _, text in sealed}) == len(sealed)
    assert {key.open(nonce, text, b"aad") for nonce, text in sealed} == {b"text"}
