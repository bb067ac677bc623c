"""Where a user-given URL may lead: public addresses, and what the settings allow."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from infra.outbound.addresses import AddressPolicy, AddressRefused, Target, networks_of, target_of

PRIVATE = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
]


def policy(*addresses: str, allowed: str = "") -> AddressPolicy:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return AddressPolicy(networks_of(allowed), resolve)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_address_is_allowed_in_whatever_clothes(address: str) -> None:
    assert not AddressPolicy().allows(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert AddressPolicy().allows(ip_address(address))


def test_a_network_of_the_settings_is_allowed_and_its_neighbour_is_not() -> None:
    allowed = AddressPolicy(networks_of("127.0.0.0/8; fd00::/16"))
    told = [allowed.allows(ip_address(a)) for a in ("127.0.0.1", "::ffff:127.0.0.1", "fd00::1", "10.0.0.1", "fd01::1")]
    assert told == [True, True, True, False, False]


async def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to() -> None:
    assert await policy("1.1.1.1", "8.8.8.8").address_of("example.org", 443) == "1.1.1.1"


async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(AddressRefused, match="private"):
        await policy("1.1.1.1", "127.0.0.1").address_of("example.org", 443)


async def test_a_name_without_an_address_leads_nowhere() -> None:
    with pytest.raises(OSError, match="no address"):
        await policy().address_of("example.org", 443)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.org", Target("https", "example.org", 443, "/")),
        ("http://example.org:8080/a?b=c#d", Target("http", "example.org", 8080, "/a?b=c")),
        ("https://[::1]:9/x", Target("https", "::1", 9, "/x")),
        ("https://example.org./", Target("https", "example.org", 443, "/")),
    ],
)
def test_a_url_is_taken_apart_once(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "http://",
        "http://:80/",
        "http://user@example.org",
        "http://user:secret@example.org",
        "http://example.org:port/",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://exa mple.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/\r\nHost: other",
        "http://[::1/",
        "http://ex\u00e4mple.org/",
        "https://example.org/" + "x" * 3000,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        target_of(url)


def test_a_host_is_told_as_it_was_named() -> None:
    told = [target_of(u).authority for u in ("http://a.org", "http://a.org:81", "https://[::1]:443/")]
    assert told == ["a.org", "a.org:81", "[::1]"]
