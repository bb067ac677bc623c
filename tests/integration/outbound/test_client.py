"""Requests over real sockets: to the address that was looked at, no further, no longer and no larger than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from infra.outbound.addresses import AddressPolicy, AddressRefused, networks_of
from infra.outbound.client import MOST_ANSWERED, NotReached, Outbound

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def outbound(seconds: float = 10, *addresses: str, allowed: str = "127.0.0.0/8") -> AsyncIterator[Outbound]:
    left = list(addresses)

    async def resolve(host: str, port: int) -> list[str]:
        return [left.pop(0)]

    client = Outbound(AddressPolicy(networks_of(allowed), resolve if addresses else None), seconds)
    try:
        yield client
    finally:
        await client.aclose()


async def heard(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return head + await reader.readexactly(int(length.split(b":")[1]))


async def test_the_body_arrives_with_its_headers_at_the_address_of_the_name() -> None:
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await heard(reader))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with serving(serve) as port, outbound(10, "127.0.0.1") as client:
        answer = await client.post(f"http://hooks.example:{port}/a?b=1", b"body", {"X-A": "1"})
    assert (answer.status, answer.body, answer.accepted) == (202, b"ok", True)
    assert got[0].startswith(b"POST /a?b=1 HTTP/1.1\r\n")
    assert f"Host: hooks.example:{port}\r\n".encode() in got[0]
    assert got[0].endswith(b"\r\n\r\nbody") and b"X-A: 1" in got[0]


async def test_a_name_is_resolved_once_for_a_request() -> None:
    """The second answer of the resolver, which would be another machine, is never asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with serving(serve) as port, outbound(10, "127.0.0.1", "10.0.0.1") as client:
        assert (await client.post(f"http://hooks.example:{port}/", b"", {})).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0", "0x7f.1", "2130706433"])
async def test_nothing_is_sent_into_a_private_network(host: str) -> None:
    connected: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(1)

    async with serving(serve) as port, outbound(allowed="") as client:
        with pytest.raises((AddressRefused, NotReached)):
            await client.post(f"http://{host}:{port}/", b"", {})
    assert connected == []


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await heard(reader))
        writer.write(b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with serving(serve) as port, outbound() as client:
        answer = await client.post(f"http://127.0.0.1:{port}/", b"", {})
    assert (answer.status, answer.accepted, len(asked)) == (307, False, 1)


async def test_an_endless_answer_is_read_up_to_its_bound() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with serving(serve) as port, outbound() as client:
        answer = await client.post(f"http://127.0.0.1:{port}/", b"", {})
    assert (answer.status, len(answer.body)) == (200, MOST_ANSWERED)


async def test_whoever_never_answers_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(serve) as port, outbound(0.05) as client:
        with pytest.raises(NotReached, match="no answer within"):
            await client.post(f"http://127.0.0.1:{port}/", b"", {})


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_whoever_does_not_speak_http_is_told_as_such(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(said)
        await writer.drain()

    async with serving(serve) as port, outbound() as client:
        with pytest.raises(NotReached):
            await client.post(f"http://127.0.0.1:{port}/", b"", {})


async def test_where_nobody_listens_the_connection_is_refused() -> None:
    async with outbound() as client:
        with pytest.raises(NotReached, match="refused"):
            await client.post("http://127.0.0.1:1/", b"", {})
