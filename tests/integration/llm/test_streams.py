"""Streamed answers: tried again until their first piece, limited from piece to piece, ended when nobody listens."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from contextlib import aclosing

import pytest

from infra.llm import Chat, Delta, ModelFailed
from tests.integration.llm.endpoint import Answer
from tests.integration.llm.forms import CLAUDE, OPENAI, openai_chunk, sse
from tests.integration.llm.test_gateway import CANARY, HELLO, World, world

HEL = sse(openai_chunk({"content": "Hel"})).chunks


def begins(after: str) -> Answer:
    return Answer(chunks=HEL, after=after)  # type: ignore[arg-type]


async def said(w: World) -> list[str]:
    return [piece.content async for piece in w.gateway.stream(Chat("1", HELLO))]


async def refused(w: World) -> tuple[list[str], ModelFailed]:
    heard: list[str] = []
    try:
        async for piece in w.gateway.stream(Chat("1", HELLO)):
            heard += [piece.content]
    except ModelFailed as error:
        return heard, error
    raise AssertionError("it was not refused")


async def test_an_overloaded_endpoint_is_asked_again_before_anything_was_said() -> None:
    async with world(Answer(503, "{}"), Answer(cut=True), OPENAI["text in pieces"]) as w:
        assert await said(w) == ["Hello", " there", ""]
        assert w.waits == [1.0, 2.0]


async def test_a_refused_stream_says_why_without_the_key() -> None:
    async with world(Answer(401, json.dumps({"error": {"message": f"bad key {CANARY}"}}))) as w:
        heard, error = await refused(w)
        assert (heard, str(error)) == ([], "model recorded: the endpoint answered 401: bad key ***")
        assert (error.code, len(w.seen)) == (601505009, 1)


@pytest.mark.parametrize("after", ["cut", "end"])
async def test_an_answer_that_breaks_off_is_an_error_and_is_not_begun_again(after: str) -> None:
    async with world(begins(after)) as w:
        heard, error = await refused(w)
        assert heard == ["Hel"]
        assert "the answer broke off" in str(error)
        assert (error.code, error.retryable, len(w.seen)) == (601505009, True, 1)


async def test_an_error_within_the_stream_is_told() -> None:
    trouble = sse(openai_chunk({"content": "Hel"}), {"error": {"message": f"overloaded {CANARY}", "code": 500}})
    async with world(trouble) as w:
        heard, error = await refused(w)
        assert heard == ["Hel"]
        assert "overloaded ***" in str(error)


async def test_the_timeout_counts_from_piece_to_piece() -> None:
    async with world(begins("hang"), timeout=0.5) as w:
        heard, error = await refused(w)
        assert heard == ["Hel"]
        assert (str(error), error.code) == ("model recorded: no answer within 0.5 s", 601505012)
        await asyncio.wait_for(w.endpoint.left.wait(), 20)


async def test_whoever_stops_listening_ends_the_call_at_the_endpoint() -> None:
    async with world(begins("hang")) as w:
        async with aclosing(w.gateway.stream(Chat("1", HELLO))) as pieces:  # type: ignore[type-var]
            assert await anext(pieces) == Delta("Hel", tool_calls=[])
        await asyncio.wait_for(w.endpoint.left.wait(), 20)


async def test_cancellation_ends_the_call_at_the_endpoint() -> None:
    async with world(begins("hang"), OPENAI["text in pieces"]) as w:
        heard = asyncio.Event()

        async def listen() -> None:
            async for _ in w.gateway.stream(Chat("1", HELLO)):
                heard.set()

        task = asyncio.create_task(listen())
        await asyncio.wait_for(heard.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(w.endpoint.left.wait(), 20)
        assert await said(w) == ["Hello", " there", ""]


async def test_another_provider_s_stream_ends_with_its_listener_too() -> None:
    talk = Answer(chunks=CLAUDE["text in pieces"].chunks[:4], after="hang")
    async with world(talk, protocol="claude") as w:
        async with aclosing(w.gateway.stream(Chat("1", HELLO))) as pieces:  # type: ignore[type-var]
            assert (await anext(pieces)).content == "Hello"
        await asyncio.wait_for(w.endpoint.left.wait(), 20)


async def test_what_is_no_stream_is_an_error_of_its_own() -> None:
    async with world(Answer(200, "<html>welcome</html>", {"content-type": "text/html"})) as w:
        heard, error = await refused(w)
        assert heard == []
        assert error.code in (601505009, 601505010)


@pytest.mark.parametrize("protocol", ["openai", "claude", "gemini", "ollama"])
async def test_the_key_of_no_protocol_is_in_an_error_log_or_repr(
    protocol: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": {"message": f"key {CANARY} is bad"}, "message": CANARY})
    texts: list[str] = []
    for trouble in (Answer(401, echo), Answer(400, echo), Answer(200, f"{{ {CANARY}"), Answer(200, echo)):
        async with world(trouble, protocol=protocol) as w:
            for error in (await w.refused(), (await refused(w))[1]):
                texts += [str(error), repr(error), "".join(traceback.format_exception(error)), repr(w.gateway)]
    printed = capfd.readouterr()
    texts += [caplog.text, printed.out, printed.err, *(repr(r.args) for r in caplog.records)]
    assert [t for t in texts if CANARY in t] == []


@pytest.mark.parametrize(
    ("protocol", "variable"),
    [("openai", "OPENAI_API_KEY"), ("claude", "ANTHROPIC_API_KEY"), ("gemini", "GEMINI_API_KEY"),
     ("ollama", "OLLAMA_API_KEY")],
)  # fmt: skip
async def test_a_model_without_a_key_never_sends_one_of_the_environment(
    protocol: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, CANARY)
    async with world(Answer(400, "{}"), protocol=protocol, api_key="") as w:
        await w.refused()
        await refused(w)
        assert len(w.seen) == 2
        assert CANARY not in json.dumps([s.headers for s in w.seen] + [s.path for s in w.seen])
