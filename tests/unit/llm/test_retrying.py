"""When a call is tried again, how long it waits, and what the error says."""

from __future__ import annotations

import pytest

from infra.llm.attempt import Noted, explain, failure, said, seconds_asked
from infra.llm.gateway import Retries
from infra.llm.secrets import Scrubber

OOPS = ValueError("first line\nsecond")


def test_waits_double_and_half_of_each_is_chance() -> None:
    plan = Retries(attempts=4, base=1.0)
    assert [plan.wait(n, None, 1.0) for n in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]
    assert [plan.wait(n, None, 0.0) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]


def test_a_wait_is_never_shorter_than_the_endpoint_asked() -> None:
    plan = Retries(attempts=4, base=1.0, longest=30.0)
    assert plan.wait(1, 7.0, 0.0) == pytest.approx(7.25)
    assert plan.wait(1, 30.0, 1.0) == pytest.approx(30.5)


def test_a_longer_wait_than_allowed_ends_the_call() -> None:
    assert Retries(longest=30.0).wait(1, 31.0, 0.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-2", 0.0),
        ("nan", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:50 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert seconds_asked(header, now=100.0) == seconds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_a_passing_trouble_is_worth_another_try(status: int) -> None:
    found = explain(Noted(sent=True, status=status, retry_after="2", body="busy"), OOPS)
    assert (found.again, found.retryable, found.retry_after) == (True, True, "2")
    assert found.message == f"the endpoint answered {status}: busy"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422, 501])
def test_a_refusal_is_final(status: int) -> None:
    found = explain(Noted(sent=True, status=status, body="no"), OOPS)
    assert (found.again, found.retryable, found.code) == (False, False, 601505009)


def test_a_spent_budget_is_final_although_it_comes_as_429() -> None:
    body = '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    assert not explain(Noted(sent=True, status=429, body=body), OOPS).again


def test_a_lost_connection_is_worth_another_try() -> None:
    found = explain(Noted(sent=True), OOPS)
    assert (found.again, found.retryable, found.code) == (True, True, 601505009)


def test_an_answer_that_cannot_be_read_is_final() -> None:
    found = explain(Noted(sent=True, status=200), OOPS)
    assert (found.again, found.code) == (False, 601505010)


def test_what_never_left_is_a_wrong_request() -> None:
    found = explain(Noted(), OOPS)
    assert (found.again, found.code) == (False, 601505007)
    assert found.message.endswith("first line")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"error": {"message": "bad\\n  key", "type": "x"}}', "bad key"),
        ('{"error": "bad key"}', "bad key"),
        ('{"message": "bad key"}', "bad key"),
        ('{"detail": [{"msg": "x"}]}', '[{"msg": "x"}]'),
        ('{"error": {"code": "E1"}}', "E1"),
        ("<html>\n bad </html>", "<html> bad </html>"),
        ("[1]", "[1]"),
        ("", "nothing"),
    ],
)
def test_the_message_is_found_in_every_known_error_form(body: str, text: str) -> None:
    assert said(body) == text


def test_errors_name_the_model_the_attempts_and_are_cut() -> None:
    short = failure("gpt", explain(Noted(sent=True, status=503, body="busy"), OOPS), 3)
    assert str(short) == "model gpt after 3 attempts: the endpoint answered 503: busy"
    assert (short.code, short.retryable) == (601505009, True)
    assert len(str(failure("gpt", explain(Noted(sent=True, status=400, body="x" * 9000), OOPS), 1))) < 600


def test_secrets_are_replaced_in_every_quoting() -> None:
    scrub = Scrubber(['k"1/2+3 4', "sk-abc", "sk-abcdef", "", "***", "abc"])
    assert scrub('a k"1/2+3 4 b k\\"1/2+3 4 c k%221%2F2%2B3%204 d') == "a *** b *** c *** d"
    assert scrub("sk-abcdef sk-abc abc") == "*** *** abc"
    assert "sk-abc" not in repr(scrub)
    assert Scrubber([])("text") == "text"
