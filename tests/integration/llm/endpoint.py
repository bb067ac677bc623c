"""A recorded OpenAI-compatible endpoint on loopback: a real HTTP server that gives prepared answers in turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Answer:
    """One prepared answer. ``silent`` never answers; ``cut`` ends the connection after the request was read.

    ``chunks`` are sent one by one in place of the body; ``after`` them the answer ends, is cut off, or hangs.
    """

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    cut: bool = False
    chunks: Sequence[bytes] = ()
    after: Literal["end", "cut", "hang"] = "end"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Any


def completion(content: Any = "hello", finish_reason: str = "stop", usage: Any = None, **message: Any) -> Answer:
    """A good answer in OpenAI's form."""
    value: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": finish_reason,
            }
        ],
    }
    if usage is not None:
        value["usage"] = usage
    return Answer(body=json.dumps(value))


class Endpoint:
    """Gives the answers in turn, the last one again and again; remembers what was asked.

    ``left``: a caller has closed the connection on which it was kept waiting.
    """

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)
        self.seen: list[Seen] = []
        self.port = 0
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __aenter__(self) -> Endpoint:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append(Seen(start.split(" ")[1], headers, json.loads(body) if body else None))
        self.asked.set()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer.silent:
            await self._hang(reader)
            return False
        if answer.cut:
            return False
        if answer.chunks:
            return await self._send_chunks(answer, reader, writer)
        raw = answer.body.encode()
        fields = {"content-type": "application/json", **answer.headers, "content-length": str(len(raw))}
        head = f"HTTP/1.1 {answer.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
        writer.write(head.encode("latin-1") + raw)
        await writer.drain()
        return True

    async def _send_chunks(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        fields = {"content-type": "text/event-stream", **answer.headers, "transfer-encoding": "chunked"}
        head = f"HTTP/1.1 {answer.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
        writer.write(head.encode("latin-1"))
        for chunk in answer.chunks:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
        if answer.after == "end":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        elif answer.after == "hang":
            await self._hang(reader)
        return answer.after == "end"

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            await reader.read()
        self.left.set()
