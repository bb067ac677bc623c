"""Whatever is sent, binding gives a request or a refusal: never another error, and never an untidy text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cozeloop.api.binding import bind, parse
from cozeloop.api.edge import derived_id
from cozeloop.api.envelope import ApiError, refusal
from cozeloop.api.modules import RULE_BROKEN, UNREADABLE
from cozeloop.api.wire import evaluation, prompt

REQUESTS = (
    prompt.CreatePromptRequest,
    prompt.SaveDraftRequest,
    prompt.BatchGetPromptByPromptKeyRequest,
    evaluation.CreateEvaluatorRequest,
    evaluation.SubmitExperimentRequest,
    evaluation.BatchGetExperimentResultRequest,
    evaluation.BatchCreateEvaluationSetItemsRequest,
)
NAMES = sorted({f.alias or n for r in REQUESTS for n, f in r.model_fields.items()} | {"turns", "items", "detail", "x"})
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["\0", "\ud800", "0", "-1", "9" * 30, "true", "a.b", "*", ">"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(NAMES) | TEXTS, VALUES, max_size=6)
REFUSED = (UNREADABLE, RULE_BROKEN)
PATH = {"evaluation_set_id": "5", "prompt_id": "6"}


def tidy(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return all(tidy(k) and tidy(v) for k, v in value.items())
    return not isinstance(value, list) or all(tidy(v) for v in value)


@given(st.sampled_from(REQUESTS), BODIES, st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=3))
def test_any_json_is_bound_or_refused(model: type, body: dict[str, object], query: dict[str, str]) -> None:
    try:
        bound = bind(model, PATH, query, parse(json.dumps(body).encode(), "application/json"))
    except ApiError as error:
        told = error
    else:
        assert tidy(bound.model_dump(mode="json"))
        return
    assert told.code in REFUSED
    assert refusal(told.code, told.msg).body


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read: object = parse(body, "application/json")
    except ApiError as error:
        read = error.code
    assert isinstance(read, dict) or read in REFUSED


@given(st.integers(-(2**63), 2**63 - 1))
def test_64_bit_integers_are_the_same_as_number_and_text(number: int) -> None:
    for sent in (number, str(number)):
        assert bind(evaluation.SubmitExperimentRequest, {}, {}, {"eval_set_id": sent}).eval_set_id == str(number)


@given(st.text(max_size=40), st.integers(0, 10**6))
def test_created_ids_are_63_bit_numbers(command_id: str, index: int) -> None:
    assert 0 < int(derived_id(command_id, index)) < 2**63
