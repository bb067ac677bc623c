"""Models for tests: an OpenAI-compatible endpoint on loopback that answers by the name of the model.

    with Endpoint({"echo": echo}) as endpoint:
        catalogue = catalogue_of(endpoint, ["echo"])

It is a few lines on asyncio, in a thread of its own, so that it takes little from the platform that is measured.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

Answer = tuple[int, "str | dict[str, Any]"]
"""HTTP status, and the answer's text or whole message, or the error's text."""
Model = Callable[[list[dict[str, Any]]], "Answer | Awaitable[Answer]"]
"""From the messages of a request to the answer."""


def echo(messages: list[dict[str, Any]]) -> Answer:
    """The last message again."""
    return 200, str(messages[-1]["content"])


def broken(messages: list[dict[str, Any]]) -> Answer:
    """Refuses whatever is asked."""
    return 400, "this model is broken"


class Gate:
    """A model that answers like `echo` as often as it was told to; ``waiting`` is how many wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self._ajar = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answers = asyncio.Semaphore(0)

    def let(self, number: int) -> None:
        """So many more are answered."""
        for _ in range(number):
            if self._loop is None:
                self._answers.release()
            else:
                self._loop.call_soon_threadsafe(self._answers.release)

    @contextmanager
    def ajar(self) -> Iterator[None]:
        """Within the block everybody is answered, whoever waits already too."""
        self._ajar = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: [self._answers.release() for _ in range(self.waiting)])
        try:
            yield
        finally:
            self._ajar = False

    async def __call__(self, messages: list[dict[str, Any]]) -> Answer:
        """The last message again."""
        self._loop = asyncio.get_running_loop()
        if self._ajar:
            return echo(messages)
        self.waiting += 1
        try:
            await self._answers.acquire()
        finally:
            self.waiting -= 1
        return echo(messages)


class Moody:
    """A model that answers like `echo`, save as often as ``fails`` says for a text; ``asked`` counts what it heard."""

    def __init__(self) -> None:
        self.fails: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def __call__(self, messages: list[dict[str, Any]]) -> Answer:
        """The last message again, or no."""
        status, text = echo(messages)
        self.asked[text] += 1
        if self.fails[text] > 0:
            self.fails[text] -= 1
            return 400, "not in the mood"
        return status, text


class Endpoint:
    """Serves models until the end of its block.

    ``calls`` counts requests, ``at_once`` the most of a model's, ``last`` is the newest request of each.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.calls: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.last: dict[str, dict[str, Any]] = {}
        self.port = 0
        self._models = models
        self._under_way: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="models", daemon=True)
        self._started = threading.Event()

    def __enter__(self) -> Endpoint:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                writer.write(await self._answer(json.loads(await reader.readexactly(length))))
                await writer.drain()
        writer.close()

    async def _answer(self, asked: dict[str, Any]) -> bytes:
        name = asked["model"]
        self.calls[name] += 1
        self.last[name] = asked
        self._under_way[name] += 1
        self.at_once[name] = max(self.at_once[name], self._under_way[name])
        try:
            answer = self._models[name](asked["messages"])
            status, text = answer if isinstance(answer, tuple) else await answer
        finally:
            self._under_way[name] -= 1
        body = json.dumps(completion(name, text) if status == 200 else {"error": {"message": text}}).encode()
        head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body


def completion(model: str, said: str | dict[str, Any]) -> dict[str, Any]:
    """An answer in OpenAI's form; every word is a token."""
    message = said if isinstance(said, dict) else {"content": said}
    usage = {"prompt_tokens": 7, "completion_tokens": len(str(message["content"] or "").split())}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def catalogue_of(endpoint: Endpoint, names: Sequence[str]) -> str:
    """The ``model_config.yaml`` of the models, numbered from 1. JSON is YAML."""
    address = f"http://127.0.0.1:{endpoint.port}/v1"
    return json.dumps(
        {
            "models": [
                {
                    "id": number,
                    "name": name,
                    "protocol": "openai",
                    "protocol_config": {"base_url": address, "api_key": "canary-key", "model": name},
                }
                for number, name in enumerate(names, 1)
            ]
        }
    )
