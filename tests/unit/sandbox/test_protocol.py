import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sandbox import protocol
from infra.sandbox.port import CodeResult
from infra.sandbox.protocol import Garbage, TurnUnusable

SCORED = {"score": 1.0, "reason": "why", "stdout": "said", "ms": 3}
FAILED = {"code": 601205032, "error": "no", "stdout": "", "ms": 1}


def test_results_are_read_in_order():
    read, dirty = protocol.results({"results": [SCORED, FAILED]}, 2)
    assert read == [
        CodeResult(score=1.0, reason="why", stdout="said", duration_ms=3),
        CodeResult(error_code=601205032, error="no", duration_ms=1),
    ]
    assert not dirty


def test_a_spoilt_worker_may_leave_turns_out():
    assert protocol.results({"results": [SCORED, {**FAILED, "dirty": True}]}, 5)[1]


@pytest.mark.parametrize(
    "results",
    [
        None,
        {},
        [],
        [SCORED],
        [SCORED] * 3,
        [None, SCORED],
        [SCORED, 7],
        [SCORED, {**SCORED, "score": "1"}],
        [SCORED, {**SCORED, "score": True}],
        [SCORED, {**SCORED, "score": None}],
        [SCORED, {**SCORED, "score": 10**400}],
        [SCORED, {**SCORED, "reason": 1}],
        [SCORED, {**SCORED, "stdout": []}],
        [SCORED, {**SCORED, "ms": -1}],
        [SCORED, {**SCORED, "ms": 2**40}],
        [SCORED, {**SCORED, "ms": 1.5}],
        [SCORED, {**FAILED, "code": 0}],
        [SCORED, {**FAILED, "code": "601205032"}],
        [SCORED, {**FAILED, "error": None}],
        [SCORED, {}],
    ],
)
def test_results_of_another_shape_are_garbage(results):
    with pytest.raises(Garbage):
        protocol.results({"results": results}, 2)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"7", b'{"nonce":"b"}', b"{}", b'{"nonce":NaN}', b"[" * 100_000, b"\xff", b'{"nonce":["a"]}'],
)
def test_an_answer_without_the_nonce_is_garbage(line):
    with pytest.raises(Garbage):
        protocol.answer(line, "a")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_garbage(line):
    with contextlib.suppress(Garbage):
        assert protocol.answer(line, "a")["nonce"] == "a"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.text(st.characters()))
def test_a_request_is_one_line_of_json(turn, code):
    line = protocol.evaluation("n", [protocol.encoded(turn)] * 2, code)
    assert line.count(b"\n") == 1
    assert json.loads(line)["code"] == code
    assert len(json.loads(line)["turns"]) == 2


@given(st.lists(st.integers(0, 3 * 1024 * 1024), max_size=70))
def test_calls_hold_every_turn_once_in_order_and_keep_their_bounds(sizes):
    turns = [memoryview(bytes(1)) if not size else _Sized(size) for size in sizes]
    calls = list(protocol.calls(turns))
    assert [t for call in calls for t in call] == turns
    for call in calls:
        assert 1 <= len(call) <= protocol.TURNS_PER_CALL
        assert len(call) == 1 or sum(map(len, call)) <= protocol.CALL_BYTES


class _Sized:
    """Stands for so many bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


def test_a_turn_that_is_no_json_or_too_large_cannot_be_sent():
    for turn in ({"a": {1, 2}}, {"a": float("inf"), "b": 2**70}, {"a": "x" * protocol.TURN_BYTES}):
        with pytest.raises(TurnUnusable):
            protocol.encoded(turn)
