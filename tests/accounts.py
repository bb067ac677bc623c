"""A platform in memory with a real vault: people register, sign in and hold tokens as they do in production.

accounts = await Accounts.open()
ada = await accounts.registered("ada@example.org")        # a browser that is signed in
answer = await ada.post("/api/foundation/v1/spaces/list", {})
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
from argon2 import PasswordHasher
from sqlalchemy import StaticPool, create_engine

from cozeloop.api.app import create_app
from cozeloop.api.spaces.routes import api as spaces
from cozeloop.api.tokens.routes import api as tokens
from cozeloop.api.users.profile import api as profile
from cozeloop.api.users.routes import api as users
from infra.vault.installation import InstallationKey
from infra.vault.vault import Vault, open_vault
from tests.in_memory import InMemory

PASSWORD = "correct horse"


class MemoryDatabase:
    """The port of a database over SQLite in memory."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})

    async def read(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        with self._engine.connect() as conn:
            return work(conn, *args, **kwargs)

    async def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        with self._engine.begin() as conn:
            return work(conn, *args, **kwargs)

    async def close(self) -> None:
        self._engine.dispose()


class Browser:
    """Keeps cookies; every answer is checked to be an envelope."""

    def __init__(self, app: Any) -> None:
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://loop.test")
        self.user: dict[str, Any] = {}

    async def call(self, method: str, path: str, body: Any = None, **how: Any) -> dict[str, Any]:
        response = await self.http.request(method, path, json=body, **how)
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        assert isinstance(answer["code"], int) and isinstance(answer["msg"], str)
        return answer

    async def get(self, path: str, **how: Any) -> dict[str, Any]:
        return await self.call("GET", path, **how)

    async def post(self, path: str, body: Any = None, **how: Any) -> dict[str, Any]:
        return await self.call("POST", path, body or {}, **how)


class Accounts:
    """The routes of users, spaces and tokens."""

    def __init__(self, memory: InMemory, vault: Vault) -> None:
        self.memory = memory.memory
        self.vault = vault
        self.platform = memory.platform
        declared = [route for api in (users, profile, spaces, tokens) for route in api.routes]
        self.app = create_app(self.platform, declarations=sorted(declared, key=lambda r: r.order))

    @classmethod
    async def open(cls, **settings: Any) -> Accounts:
        memory = InMemory(login_per_minute=1000, **settings)
        vault = await open_vault(MemoryDatabase(), InstallationKey(b"k" * 32), memory.platform.now)
        # hashed as in production, with less of it: what the hash costs is the vault's own tests' matter
        vault.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        memory.platform = replace(
            memory.platform, keys=vault.keys, people=vault.people, sessions=vault.sessions, tokens=vault.tokens
        )
        return cls(memory, vault)

    def browser(self) -> Browser:
        return Browser(self.app)

    async def registered(self, email: str, password: str = PASSWORD) -> Browser:
        browser = self.browser()
        answer = await browser.post("/api/foundation/v1/users/register", {"email": email, "password": password})
        assert answer["code"] == 0, answer
        browser.user = answer["user_info"]
        return browser
