"""One request to a user-given URL, with bounds on time and size. Redirects are answers: none is followed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

from infra.outbound.addresses import AddressPolicy, AddressRefused, target_of

SECONDS = 10.0
MOST_ANSWERED = 64 * 1024


class NotReached(Exception):
    """No answer came: no address, no connection, no time, or no HTTP. The text is safe to show to the URL's owner."""


@dataclass(frozen=True)
class Answer:
    """Status and the first bytes of the body."""

    status: int
    body: bytes

    @property
    def accepted(self) -> bool:
        """Whether it is a success; a redirect is none."""
        return 200 <= self.status < 300


class Outbound:
    """Sends requests. ``seconds`` bounds a request whole, from resolving to the last byte that is read."""

    def __init__(self, policy: AddressPolicy, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trusted(),
            max_connections=64,
            max_keepalive_connections=0,
            network_backend=_Checked(policy),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Posts the body. Raises AddressRefused (never sent), or NotReached (whether it arrived is not known)."""
        target = target_of(url)
        wanted = [(b"Host", target.authority.encode())]
        wanted += [(name.encode(), value.encode()) for name, value in headers.items()]
        where = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._pool.stream("POST", where, headers=wanted, content=body) as response,
            ):
                return Answer(response.status, await _first(response))
        except TimeoutError:
            raise NotReached(f"no answer within {self._seconds:g} seconds") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise NotReached(_why(error)) from None

    async def aclose(self) -> None:
        """Ends every connection."""
        await self._pool.aclose()


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to the address that was looked at, whatever the name says afterwards."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            address = await self._policy.address_of(host, port)
        except OSError:
            raise httpcore.ConnectError("the name has no address") from None
        return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("leads to a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def _first(response: httpcore.Response) -> bytes:
    """As much of the body as is wanted; the rest is not read."""
    read = bytearray()
    async for chunk in response.aiter_stream():
        read += chunk
        if len(read) >= MOST_ANSWERED:
            break
    return bytes(read[:MOST_ANSWERED])


def _why(error: Exception) -> str:
    """The kind of failure, in words; an address that was resolved is not among them."""
    if isinstance(error, httpcore.ConnectError):
        if str(error) == "the name has no address":
            return str(error)
        return "its certificate is not trusted" if "CERTIFICATE" in str(error).upper() else "the connection was refused"
    if isinstance(error, httpcore.ConnectTimeout):
        return "no connection in time"
    return "the connection broke off" if isinstance(error, httpcore.NetworkError) else "it did not answer in HTTP"


def _trusted() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
