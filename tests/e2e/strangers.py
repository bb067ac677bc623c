"""Whoever tries to get at somebody's things: another user, and nobody in every disguise."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from tests.e2e.callers import TOKENS, Caller
from tests.e2e.processes import eventually
from tests.e2e.tenants import Owner


@dataclass(frozen=True)
class Stranger:
    """Somebody who tries to get at the owner's things; ``space`` is their own, empty when they are nobody."""

    name: str
    http: httpx.Client
    space: str = ""


def strangers(owner: Owner, other: Caller) -> list[Stranger]:
    """Another user, and nobody in every disguise: the owner's own dead credentials among them."""
    url = str(owner.caller.http.base_url).rstrip("/")
    ended = owner.caller.cookie()
    httpx.post(f"{url}/api/foundation/v1/users/logout", cookies={"session_key": ended}, json={})
    revoked_id, revoked = owner.caller.new_token()
    owner.caller.call("DELETE", f"{TOKENS}/{revoked_id}")
    _, expired = owner.caller.new_token(duration_day=None, expire_at=str(int(time.time()) + 2))
    eventually(lambda: turned_away(url, expired))

    def client(cookie: str = "", token: str = "") -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=url, cookies={"session_key": cookie} if cookie else {}, headers=headers)

    return [
        Stranger("another user", client(other.cookie(), other.token), other.space),
        Stranger("nobody", client()),
        Stranger("whose session ended and whose token was revoked", client(ended, revoked)),
        Stranger("whose token expired", client(expired, expired)),
        Stranger("with garbage", client("garbage", "clp_garbage")),
        Stranger("with each credential in the other's place", client(owner.caller.token, owner.caller.cookie())),
    ]


def turned_away(url: str, token: str) -> bool:
    """Whether an SDK with this token is refused."""
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/v1/loop/prompts/mget", json={"workspace_id": "1", "queries": []}, headers=headers)
    return answer.status_code == 401
