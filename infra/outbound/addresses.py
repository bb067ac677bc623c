"""Which addresses a user-given URL may lead to.

A name is resolved once, and the connection goes to an address that was looked at: a name that answers otherwise the
second time leads nowhere else. Every address that the name has must be allowed, else none is taken.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

LONGEST_URL = 2048
PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[\x21-\x7e]+")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> the numeric addresses of the host; raises OSError."""


class AddressRefused(Exception):
    """The URL leads where nobody may send it; the text says which part and why, and nothing that was resolved."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart. ``host`` is lower-case ASCII, without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the header Host says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """The parts of an http or https URL; raises AddressRefused naming what is wrong."""
    if len(url) > LONGEST_URL:
        raise AddressRefused(f"is longer than {LONGEST_URL} characters")
    if not _PLAIN.fullmatch(url) or "\\" in url:
        raise AddressRefused("holds a character that an address has not")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise AddressRefused("is not an address") from None
    if parts.scheme not in PORTS:
        raise AddressRefused("must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("must not hold a user or password")
    if not host or port == 0:
        raise AddressRefused("names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


class AddressPolicy:
    """Public addresses, and the networks that the settings allow beside."""

    def __init__(self, allowed: Sequence[Network] = (), resolve: Resolve | None = None) -> None:
        self._allowed = tuple(allowed)
        self._resolve = resolve or resolved

    async def address_of(self, host: str, port: int) -> str:
        """The numeric address to connect to; raises AddressRefused, or OSError when the name has none."""
        found = [ip_address(a.partition("%")[0]) for a in await self._resolve(host, port)]
        if not found:
            raise OSError(f"{host} has no address")
        if not all(self.allows(a) for a in found):
            raise AddressRefused("leads into a private network")
        return str(found[0])

    def allows(self, address: Address) -> bool:
        """Whether it is public, or in a network that is allowed."""
        if any(address in network for network in self._allowed if network.version == address.version):
            return True
        inner = embedded(address)
        return self.allows(inner) if inner is not None else address.is_global and not address.is_multicast


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _NAT64_LOCAL or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def networks_of(text: str) -> list[Network]:
    """Networks separated by ``;``, such as ``127.0.0.0/8;10.0.0.0/8``; raises ValueError for anything else."""
    return [ip_network(part.strip()) for part in text.split(";") if part.strip()]


async def resolved(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"not a host name: {host}") from error
    return [str(address[0]) for *_, address in found]
