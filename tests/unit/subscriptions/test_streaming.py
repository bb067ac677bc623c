"""Events over HTTP: who may read them, how a stream goes on and ends, and how little an idle one costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cozeloop.api.subscriptions import permission
from cozeloop.api.subscriptions.routes import api
from tests.in_memory import InMemory
from tests.subscribed import Subscribed

PATH = "/v1/platform/events"
SPACE = "70"


class World:
    """A platform whose only route is the one for events, and ASGI clients that take as much as they like."""

    def __init__(self, **settings: Any) -> None:
        self.events = Subscribed(page=500, most=4, most_of_one=2)
        self.memory = InMemory(api, **settings)
        self.memory.platform.subscriptions = self.events.live
        self.memory.platform.operator_token = "operator"
        self.dead: set[str] = set()
        self.lost: set[str] = set()
        user_of = self.memory.memory.user_of
        read = self.memory.memory.read

        async def alive(secret: str) -> str | None:
            return None if secret in self.dead else await user_of(secret)

        async def members(work: Any, *args: Any, **how: Any) -> Any:
            return False if args and args[-1] in self.lost else await read(work, *args, **how)

        self.memory.memory.user_of = alive  # type: ignore[method-assign]
        self.memory.memory.read = members  # type: ignore[method-assign]

    async def ask(self, token: str = "7", **query: Any) -> dict[str, Any]:
        query.setdefault("workspace_id", SPACE)
        answer = await self.memory.client(token).http.get(PATH, params={k: v for k, v in query.items() if v != ""})
        return {"status": answer.status_code, **answer.json()}

    @asynccontextmanager
    async def stream(self, query: str, token: str = "7", **headers: str) -> AsyncIterator[Stream]:
        stream = Stream(self.memory.client(token).http._transport.app, query, token, headers)  # type: ignore[attr-defined]
        try:
            yield stream
        finally:
            stream.hang_up()
            await stream.task


class Stream:
    """An open answer: what was sent and taken so far. ``taking`` is cleared by a client that does not read."""

    def __init__(self, app: Any, query: str, token: str, headers: dict[str, str]) -> None:
        self.status = 0
        self.sent: list[bytes] = []
        self.taking = asyncio.Event()
        self.taking.set()
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        given = {"authorization": f"Bearer {token}", "accept": "text/event-stream", **headers}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": PATH,
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()],
            "client": ("test", 1),
            "server": ("test", 1),
            "scheme": "http",
        }
        self._asked = False
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> MutableMapping[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.sent.append(message.get("body", b""))
        self._news.set()
        await self.taking.wait()

    def hang_up(self) -> None:
        self._gone.set()

    @property
    def text(self) -> str:
        return b"".join(self.sent).decode()

    async def until(self, part: str) -> str:
        """The whole text, as soon as something was sent and it holds the part."""
        async with asyncio.timeout(20):
            while part not in self.text or not self.sent:
                self._news.clear()
                await self._news.wait()
        return self.text


@pytest.fixture
async def world() -> World:
    world = World()
    await world.memory.admit("7", space=SPACE)
    return world


async def test_a_question_is_answered_with_what_has_happened_since(world: World) -> None:
    await world.events.happen(SPACE, "prompts", 3)
    await world.events.happen("80", "prompts")
    await world.events.feed()
    answer = await world.ask(after="events:1")
    assert [e["position"] for e in answer["events"]] == [2, 3]
    assert (answer["code"], answer["position"]) == (0, "events:4")
    assert (await world.ask(after="1", limit=1))["position"] == "events:2"
    assert (await world.ask())["events"] == []


async def test_a_question_that_waits_is_answered_as_soon_as_something_happens(world: World) -> None:
    asking = asyncio.ensure_future(world.ask(wait=60))
    for _ in range(1000):
        await asyncio.sleep(0)
    assert world.events.live.readers == 1
    await world.events.happen(SPACE, "prompts")
    await world.events.feed()
    assert [e["position"] for e in (await asking)["events"]] == [1]
    assert world.events.live.readers == 0


async def test_a_stream_tells_what_was_and_goes_on_with_what_comes(world: World) -> None:
    await world.events.happen(SPACE, "prompts", 2)
    await world.events.feed()
    async with world.stream(f"workspace_id={SPACE}&after=0") as stream:
        await stream.until("id: 2\ndata: {")
        await world.events.happen(SPACE, "prompts")
        await world.events.feed()
        text = await stream.until("id: 3\ndata: {")
        assert [line for line in text.splitlines() if line.startswith("id")] == ["id: 1", "id: 2", "id: 3"]
    assert world.events.live.readers == 0


async def test_a_reader_that_comes_back_says_where_it_was(world: World) -> None:
    await world.events.happen(SPACE, "prompts", 3)
    await world.events.feed()
    async with world.stream(f"workspace_id={SPACE}&after=0", last_event_id="2") as stream:
        assert "id: 2\n" not in await stream.until("id: 3\n")


async def test_a_silent_stream_says_how_far_it_is() -> None:
    world = World(event_heartbeat_seconds=0.01)
    await world.memory.admit("7", space=SPACE)
    async with world.stream(f"workspace_id={SPACE}") as stream:
        await world.events.happen("80", "prompts", 4)
        await world.events.feed()
        assert 'event: position\ndata: {"position":4}' in await stream.until('{"position":4}')


@pytest.mark.parametrize("of", ["dead", "lost"])
async def test_a_stream_ends_with_an_error_when_the_right_to_read_it_ends(
    world: World, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is revoked, or its owner is a member no longer: nothing more is told."""
    monkeypatch.setattr(permission, "EVERY_SECONDS", 0.01)
    async with world.stream(f"workspace_id={SPACE}&after=0") as stream:
        await world.events.happen(SPACE, "prompts")
        await world.events.feed()
        await stream.until("id: 1\n")
        getattr(world, of).add("7")
        await world.memory.admit("9", space="90")  # members are asked for anew when members have changed
        await world.events.happen(SPACE, "prompts")
        await world.events.feed()
        text = await stream.until("event: error")
        await stream.task
    assert "id: 2\ndata" not in text.partition("event: error")[0]
    assert '"code":602000101' in text


async def test_a_reader_that_takes_nothing_is_given_one_page_and_no_more(world: World) -> None:
    """S2: what it does not take stays in the log."""
    await world.events.happen(SPACE, "prompts", 100)
    await world.events.feed()
    async with world.stream(f"workspace_id={SPACE}&after=0") as stream:
        stream.taking.clear()
        await stream.until("")
        for _ in range(50):
            await world.events.happen(SPACE, "prompts", 100)
            await world.events.feed()
        assert (len(stream.sent), world.events.source.pages) == (1, 0)
        stream.taking.set()
        text = await stream.until(f"id: {world.events.live.head}\n")
    told = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
    assert told == list(range(1, 5101))


@pytest.mark.parametrize("reads", [True, False])
async def test_every_stream_ends_when_the_platform_stops(world: World, reads: bool) -> None:
    async with world.stream(f"workspace_id={SPACE}") as stream:
        await stream.until("retry")
        if not reads:
            stream.taking.clear()
            await world.events.happen(SPACE, "prompts")
            await world.events.feed()
            await stream.until("id: 1")
        world.events.live.end()
        await stream.task
        assert ("event: end" in stream.text) == reads


async def test_the_operator_reads_every_space_and_needs_to_name_none(world: World) -> None:
    await world.events.happen("80", "prompts")
    await world.events.happen(SPACE, "prompts")
    await world.events.feed()
    answer = await world.ask("operator", workspace_id="", after="0")
    assert [e["stream"] for e in answer["events"]] == ["80.prompts.1", f"{SPACE}.prompts.1"]


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ({"workspace_id": ""}, 602000202, "workspace_id is required"),
        ({"workspace_id": "80"}, 602000101, "not a member"),
        ({"stream": "80.prompts.1"}, 602000202, "stream"),
        ({"stream": "everything"}, 602000201, "stream"),
        ({"capability": "prompts.>"}, 602000201, "capability"),
        ({"after": "yesterday"}, 602000201, "after"),
        ({"after": "99"}, 602000201, "the log ends at 0"),
        ({"wait": "61"}, 602000202, "wait"),
        ({"limit": "0"}, 602000202, "limit"),
    ],
)
async def test_a_wrong_question_is_refused_by_name(world: World, query: dict[str, str], code: int, said: str) -> None:
    answer = await world.ask(**query)
    assert answer["code"] == code
    assert said in answer["msg"]
    assert world.events.live.readers == 0


async def test_there_are_only_so_many_streams_of_one_user(world: World) -> None:
    asked = f"workspace_id={SPACE}"
    async with world.stream(asked) as first, world.stream(asked) as second:
        await asyncio.gather(first.until("retry"), second.until("retry"))
        answer = await world.ask()
        assert (answer["status"], answer["code"]) == (429, 602000205)
    assert (await world.ask())["code"] == 0


async def test_the_figures_say_how_many_readers_there_are_and_how_far_behind(world: World) -> None:
    async with world.stream(f"workspace_id={SPACE}&after=0") as stream:
        stream.taking.clear()
        await stream.until("")
        await world.events.happen(SPACE, "prompts", 9)
        await world.events.feed()
        text = (await world.memory.client("7").http.get("/metrics")).text
    assert "cozeloop_event_readers 1\n" in text
    assert "cozeloop_event_reader_lag 9\n" in text
