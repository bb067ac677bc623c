"""The edge over real sockets: what a client sees that no in-process call shows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from cozeloop.api.protocol import MOST_HEAD_BYTES, BoundedHttp
from tests.unit.api.fakes import NOTES, World

MIB = 1024 * 1024
USER = {"cookie": "session_key=7", "authorization": "Bearer 7"}
JSON = {**USER, "content-type": "application/json"}


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    world = await World().begin()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(world.app, http=BoundedHttp, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve([listener]))
    yield listener.getsockname()
    server.should_exit = True
    await serving


@pytest.fixture
async def client(address: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", timeout=30) as client:
        yield client


async def raw(address: tuple[str, int], request: bytes) -> bytes:
    """What the server sends back to these bytes until it closes."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MIB):
        yield b"x" * MIB


@pytest.mark.parametrize(("path", "status"), [(f"{NOTES}/5", 200), ("/v1/loop/prompts/notes", 413)])
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_the_limit_gets_an_answer_and_not_a_broken_connection(
    client: httpx.AsyncClient, path: str, status: int, chunked: bool
) -> None:
    body = pieces(21 * MIB) if chunked else b"x" * (21 * MIB)
    response = await client.post(path, content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (status, 600500201)
    assert (await client.get("/ping")).text == "pong"


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"other":"' + b"x" * (20 * MIB - 12) + b'"}'
    assert len(body) == 20 * MIB
    response = await client.post(f"{NOTES}/5", content=body, headers=JSON)
    assert response.json()["code"] == 0


@pytest.mark.parametrize("path", ["/api/%ff", "/%00", "/" + "a" * 5000, "/api/../etc", "/%2e%2e", "/api/\u00e4"])
async def test_odd_paths_are_answered_in_the_envelope(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, headers=USER)
    assert response.status_code == 404
    assert set(response.json()) == {"code", "msg"}
    assert response.headers["x-log-id"]


async def test_a_doubled_slash_reaches_the_route(address: tuple[str, int]) -> None:
    body = b'{"workspace_id": 70, "text": "a"}'
    head = b"POST //v1/loop/prompts/notes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer 7\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = await raw(address, head + body)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"code":0' in answer


async def test_a_client_that_hangs_up_in_the_middle_harms_nobody(
    address: tuple[str, int], client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST {NOTES}/5 HTTP/1.1\r\nHost: x\r\nCookie: session_key=7\r\nContent-Length: 100\r\n\r\n".encode()
    _, writer = await asyncio.open_connection(*address)
    writer.write(head + b'{"text":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await client.get("/ping")).text == "pong"
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


async def test_an_operation_s_lines_arrive_one_by_one(client: httpx.AsyncClient) -> None:
    headers = {"authorization": "Bearer operator"}
    async with client.stream("GET", "/v1/platform/admin/events?limit=3", headers=headers) as response:
        lines = [line async for line in response.aiter_lines()]
    assert response.headers["content-type"] == "application/x-ndjson"
    assert len(lines) == 3


@pytest.mark.parametrize(
    "begun", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 9000]
)
async def test_a_head_without_end_is_refused(address: tuple[str, int], client: httpx.AsyncClient, begun: bytes) -> None:
    answer = await raw(address, begun + b"x" * MOST_HEAD_BYTES)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"msg":"bad request,the request line and its headers are longer than 65536 bytes"' in answer
    assert (await client.get("/ping")).text == "pong"


@pytest.mark.parametrize(
    "request_",
    [b"\0\1\2\r\n\r\n", b"GET /a b HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"],
)
async def test_what_is_no_request_is_refused_in_the_envelope(address: tuple[str, int], request_: bytes) -> None:
    answer = await raw(address, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.partition(b"\r\n\r\n")[2].startswith(b'{"code":')


async def test_requests_one_behind_the_other_are_answered_in_their_order(address: tuple[str, int]) -> None:
    ping = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /unknown HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await raw(address, ping * 3 + last)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert answer.index(b"HTTP/1.1 404 ") > answer.rindex(b"pong")


async def test_trailers_without_end_are_refused(address: tuple[str, int], client: httpx.AsyncClient) -> None:
    head = f"POST {NOTES}/5 HTTP/1.1\r\nHost: x\r\nCookie: session_key=7\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head + b"2\r\n{}\r\n0\r\n")
    await writer.drain()
    for _ in range(12):
        await asyncio.sleep(0.01)  # apart, so that each arrives by itself
        writer.write(b"A: b\r\n" * 1000)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert (await client.get("/ping")).text == "pong"
