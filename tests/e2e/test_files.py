"""Files on a running platform: signed, uploaded, downloaded, and refused to whoever has no business with them."""

from __future__ import annotations

import http.client
import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from cozeloop.demo.tour import Tour
from tests.e2e.processes import Platform

SIGN = "/api/foundation/v1/sign_upload_files"
UPLOAD = "/v1/loop/files/upload"
FORBIDDEN, UNREADABLE, INVALID, TOO_LARGE = 602000101, 602000201, 602000202, 602001001
MIB = 1 << 20


class User(Tour):
    """Browser and SDK of one person."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.register()

    def sign(self, *keys: str, **more: Any) -> dict[str, Any]:
        body = {"workspace_id": self.space, "keys": list(keys), "business_type": "evaluation", **more}
        answer: dict[str, Any] = self.http.post(SIGN, json=body).json()
        return answer

    def address(self, key: str) -> str:
        [uri] = self.sign(key)["uris"]
        return str(uri)

    def form(self, content: bytes, name: str = "rows.jsonl", **fields: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        data = {"workspace_id": self.space, **fields}
        return self.http.post(UPLOAD, files={"file": (name, content)}, data=data, headers=headers)


@pytest.fixture(scope="module")
def user(platform_url: str) -> User:
    return User(platform_url)


@pytest.fixture
def outside(platform_url: str) -> httpx.Client:
    """Somebody without a session."""
    return httpx.Client(base_url=platform_url)


def changed(uri: str, **other: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.path}?{urlencode({**dict(parse_qsl(parts.query)), **other})}"


def test_a_signed_address_takes_a_file_from_whoever_holds_it(user: User, outside: httpx.Client) -> None:
    answer = user.sign("a.jsonl", "b.csv")
    assert len(answer["uris"]) == len(answer["sign_heads"]) == 2
    assert answer["sign_heads"][0]["expired_time"] > answer["sign_heads"][0]["current_time"]
    for uri in answer["uris"]:
        assert re.fullmatch(rf"/v1/platform/files/{user.space}/[0-9a-f]{{32}}\?.*", uri)
        stored = outside.put(uri, content=b"x" * 100, headers={"content-type": "text/csv"})
        assert (stored.status_code, stored.json()) == (200, {"code": 0, "msg": "", "bytes": "100"})


def test_the_same_key_has_the_same_place_and_no_key_is_seen_in_it(user: User) -> None:
    place = urlsplit(user.address("../../etc/pass wd%00.csv")).path
    assert place == urlsplit(user.address("../../etc/pass wd%00.csv")).path
    assert place != urlsplit(user.address("other.csv")).path
    assert "pass" not in place and ".." not in place


def test_whatever_of_an_address_is_changed_it_is_refused(user: User, outside: httpx.Client) -> None:
    uri = user.address("mine.csv")
    signature = dict(parse_qsl(urlsplit(uri).query))["signature"]
    other_space, other_file = uri.replace(user.space, "7000000000000000001"), user.address("another.csv")
    forged = [
        changed(uri, signature="0" * 32),
        changed(uri, signature=""),
        changed(uri, signature="ä"),
        changed(uri, size=str(1 << 40)),
        changed(uri, expires="99999999999"),
        changed(uri, expires=""),
        changed(uri, file_name="x.html"),
        other_space,
        changed(other_file, signature=signature),
        urlsplit(uri).path,
    ]
    for address in forged:
        answer = outside.put(address, content=b"evil")
        assert (answer.status_code, answer.json()["code"]) == (403, FORBIDDEN), address
    assert outside.get(uri).json()["code"] == FORBIDDEN
    assert outside.post(uri, content=b"").status_code == 405
    assert outside.delete(uri).status_code == 405


def test_an_address_expires(user: User, outside: httpx.Client) -> None:
    [uri] = user.sign("short.csv", option={"ttl": "1"})["uris"]
    until_refused(outside, uri)
    assert "expired" in outside.put(uri, content=b"late").json()["msg"]


def until_refused(client: httpx.Client, uri: str) -> None:
    """Asks until the clock has passed it; the test's own time limit bounds it."""
    while client.put(uri, content=b"in time").status_code == 200:
        pass


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"keys": []}, INVALID),
        ({"keys": [""]}, INVALID),
        ({"keys": ["x" * 513]}, INVALID),
        ({"keys": ["a\nb"]}, INVALID),
        ({"keys": ["x"] * 101}, INVALID),
        ({"keys": ["x"], "business_type": "other"}, INVALID),
        ({"keys": ["x"], "option": {"ttl": 0}}, INVALID),
        ({"keys": ["x"], "option": {"ttl": 10**9}}, INVALID),
        ({"keys": ["x"], "workspace_id": "0"}, INVALID),
        ({"keys": ["x"], "workspace_id": "7000000000000000001"}, FORBIDDEN),
        ({"keys": "x"}, UNREADABLE),
    ],
)
def test_what_cannot_be_signed_is_refused(user: User, body: dict[str, Any], code: int) -> None:
    answer = user.http.post(SIGN, json={"workspace_id": user.space, **body}).json()
    assert answer["code"] == code


def test_a_body_that_says_it_has_a_gigabyte_is_refused_before_it_is_sent(user: User, platform_url: str) -> None:
    headers = {"Content-Length": str(1 << 30), "Expect": "100-continue"}
    form = {**headers, "Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {user.token}"}
    for method, path, sent in (("PUT", user.address("huge.csv"), headers), ("POST", UPLOAD, form)):
        connection = http.client.HTTPConnection(urlsplit(platform_url).netloc, timeout=30)
        connection.putrequest(method, path)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, b"602001001" in answer.read()) == (413, True)
        connection.close()


def test_an_upload_that_breaks_off_leaves_the_file_as_it_was(user: User, platform: Platform) -> None:
    uri = user.address(f"broken-{secrets.token_hex(4)}.csv")
    connection = http.client.HTTPConnection(urlsplit(platform.url).netloc, timeout=30)
    connection.putrequest("PUT", uri)
    connection.putheader("Content-Length", str(MIB))
    connection.endheaders()
    connection.send(b"x" * 1000)
    connection.close()
    assert user.http.put(uri, content=b"whole").json()["bytes"] == "5"
    place = platform.data_dir / "objects" / "files" / user.space
    assert [p.name for p in place.iterdir() if p.name.startswith(".")] == []


def test_a_form_is_an_upload_too(user: User) -> None:
    answer = user.form(b"x" * 3 * MIB, "ünïcode name.jsonl").json()
    assert answer["data"] == {"bytes": str(3 * MIB), "file_name": f"{user.space}/ünïcode name.jsonl"}


def test_a_file_name_loses_its_folders(user: User) -> None:
    for name in ("../../etc/passwd", "C:\\fakepath\\passwd", "/etc/passwd"):
        assert user.form(b"x", name).json()["data"]["file_name"] == f"{user.space}/passwd"


def test_forms_that_are_none_are_refused(user: User) -> None:
    assert user.form(b"x", workspace_id="7000000000000000001").json()["code"] == FORBIDDEN
    assert user.form(b"x", workspace_id="abc").json()["code"] == INVALID
    headers = {"authorization": f"Bearer {user.token}"}
    no_file = user.http.post(UPLOAD, data={"workspace_id": user.space}, headers=headers)
    assert no_file.json()["code"] == UNREADABLE
    two = [("file", ("a", b"1")), ("file", ("b", b"2"))]
    assert user.http.post(UPLOAD, files=two, data={"workspace_id": user.space}, headers=headers).json()["code"] != 0
    for media in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"):
        sent = {**headers, "content-type": media}
        answer = user.http.post(UPLOAD, content=b"--y\r\nnonsense", headers=sent)
        assert (answer.status_code < 500, answer.json()["code"] in (UNREADABLE, INVALID)) == (True, True)
    assert httpx.post(f"{str(user.http.base_url).rstrip(chr(47))}{UPLOAD}", files={"file": b"x"}).status_code == 401
