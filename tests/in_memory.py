"""A platform without servers: the real handler, deciders, read models and edge over a log in memory.

    memory = InMemory(prompts.api)                           # the endpoints of these capabilities
    await memory.admit("7", space="70")                      # user 7 is a member of space 70
    user = memory.client("7")                                # a browser's session and an SDK's token in one
    answer = await user.post("/api/prompt/v1/prompts", workspace_id="70", ...)

Read models stand where the log stands as soon as a command has answered. Drafts, limits and the rest keep the ports'
promises as far as a single process can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, StaticPool, create_engine

from commands import DECIDERS
from cozeloop.api.app import create_app
from cozeloop.api.routing import Api
from cozeloop.handling import CommandHandler
from cozeloop.platform import Draft, Person, Platform
from cozeloop.projecting.folding import Fold, execute, gather
from cozeloop.recalling import Recall
from cozeloop.settings import Settings
from events.event import Metadata, Recorded, Stream
from events.spaces import MemberAdded, SpaceCreated
from infra.eventstore.log import Append, LogUnavailable
from infra.sql.dialect import create_table
from projections import READ_MODELS
from tests.memory_log import MemoryLog

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def in_memory() -> Engine:
    """An empty database."""
    return create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})


@cache
def empty_read_side() -> tuple[dict[str, Fold], bytes]:
    """Every read model by name, and a database that holds their empty tables: made once, they cost a tenth second."""
    folds = {m.name: Fold(m, f"{m.name}_v{m.version}") for m in READ_MODELS}
    engine = in_memory()
    with engine.begin() as conn:
        for fold in folds.values():
            create_table(conn, fold.table)
    with engine.connect() as conn:
        return folds, conn.connection.driver_connection.serialize()


class Memory:
    """Everything a platform's ports keep."""

    def __init__(self) -> None:
        self.log = MemoryLog(self._apply)
        self._folds, nothing = empty_read_side()
        self._engine = in_memory().execution_options(live_tables={n: f.table for n, f in self._folds.items()})
        with self._engine.connect() as conn:
            conn.connection.driver_connection.deserialize(nothing)
        self._drafts: dict[tuple[str, ...], Draft] = {}
        self._numbers = count(1000)
        self._seconds = count()
        self.spent: dict[str, int] = {}

    def _apply(self, batch: Sequence[Recorded[Any]]) -> None:
        with self._engine.begin() as conn:
            for recorded in batch:
                for fold in self._folds.values():
                    runs: list[Any] = []
                    for project in fold.projects(type(recorded.event)):
                        gather(project(recorded), runs)
                    execute(conn, runs)

    def now(self) -> datetime:
        """A clock that moves a second with each look."""
        return BEGIN + timedelta(seconds=next(self._seconds))

    # --- database, positions, ids, keys ---

    async def read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Runs a query."""
        with self._engine.connect() as conn:
            return work(conn, *args, **kwargs)

    async def write(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Runs a function in a transaction."""
        with self._engine.begin() as conn:
            return work(conn, *args, **kwargs)

    async def close(self) -> None:
        """Nothing to give back."""

    def of(self, model: str) -> int:
        """Every read model stands at the log's end."""
        return len(self.log.recorded)

    def changed(self, model: str) -> int:
        """Every event is taken to change every model."""
        return self.of(model)

    async def reached(self, model: str, position: int, timeout: float) -> bool:
        """At once."""
        return True

    def new(self) -> str:
        """The next id."""
        return str(next(self._numbers))

    def block(self, n: int) -> list[str]:
        """The next ids."""
        return [self.new() for _ in range(n)]

    async def find(self, command_id: str) -> tuple[int, str] | None:
        """Where a command id was seen."""
        found = next((r for r in self.log.recorded if r.meta.command_id == command_id), None)
        return (found.position, found.meta.command_digest) if found else None

    async def create(self, space: str) -> None:
        """A space's name is its key here."""

    async def digest(self, space: str, text: str) -> str:
        """Keyed by the space's id."""
        return hashlib.sha256(f"{space}/{text}".encode()).hexdigest()[:32]

    # --- people, sessions and tokens: a user's id is cookie and token ---

    async def get(self, user_ids: Sequence[str]) -> dict[str, Person]:
        """Everybody is known."""
        return {u: Person(u, f"{u}@example.com", f"user{u}", f"nick{u}") for u in user_ids if u}

    async def user_of(self, secret: str) -> str | None:
        """Whose cookie or token it is."""
        return secret if secret.isdigit() else None

    # --- drafts, limits, code ---

    async def load(self, space: str, capability: str, id: str, user: str = "") -> Draft | None:
        """The newest revision."""
        return self._drafts.get((space, capability, id, user))

    async def save(
        self, space: str, capability: str, id: str, content: dict[str, Any], user: str = "", expected: int | None = None
    ) -> Draft:
        """Writes a revision unless it holds the same."""
        found = self._drafts.get((space, capability, id, user))
        if found is None or found.content != content:
            found = Draft(max((d.revision for d in self._drafts.values()), default=0) + 1, content, self.now())
            self._drafts[space, capability, id, user] = found
        return found

    async def allow(self, key: str, rate: float, burst: int) -> bool:
        """A bucket of ``burst`` that is never filled again."""
        self.spent[key] = self.spent.get(key, 0) + 1
        return self.spent[key] <= burst

    async def reserve(self, key: str, rate: float, burst: int, cost: float = 1, patience: float = 0.0) -> float | None:
        """As `allow`: nobody waits."""
        return 0.0 if await self.allow(key, rate, burst) else None

    def check_static(self, code: str) -> tuple[int, str] | None:
        """Only whether the function is there."""
        return None if "exec_evaluation" in code else (601205053, "exec_evaluation is not defined")

    async def check_syntax(self, code: str) -> str:
        """Whether Python takes it."""
        try:
            compile(code, "evaluator", "exec")
        except SyntaxError as error:
            return str(error)
        return ""


class HeldSpans:
    """Lines of spans as they were stored; there is no table to ask."""

    def __init__(self) -> None:
        self.held: list[tuple[str, bytes]] = []

    async def put(self, space: str, lines: Sequence[bytes]) -> int:
        """Keeps the lines; the position is their number."""
        self.held += [(space, line) for line in lines]
        return len(self.held) if lines else 0

    def figures(self) -> dict[str, int]:
        """Nothing is counted."""
        return {}

    async def ask(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Nothing can be asked."""
        raise LogUnavailable("there is no trace table")


class Client:
    """Calls of one user; each answer is the JSON."""

    def __init__(self, app: FastAPI, user_id: str) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://platform",
            cookies={"session_key": user_id},
            headers={"authorization": f"Bearer {user_id}"},
        )

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """A question in the query."""
        return self._read(await self.http.get(path, params=query))

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """A POST of a JSON body."""
        return self._read(await self.http.post(path, json=body))

    async def put(self, path: str, **body: Any) -> dict[str, Any]:
        """A PUT of a JSON body."""
        return self._read(await self.http.put(path, json=body))

    async def patch(self, path: str, **body: Any) -> dict[str, Any]:
        """A PATCH of a JSON body."""
        return self._read(await self.http.patch(path, json=body))

    async def delete(self, path: str, **query: Any) -> dict[str, Any]:
        """A DELETE."""
        return self._read(await self.http.delete(path, params=query))

    def _read(self, response: httpx.Response) -> dict[str, Any]:
        answer: dict[str, Any] = response.json()
        assert response.status_code == 200 or answer["code"], response.text
        assert isinstance(answer["code"], int)
        assert isinstance(answer["msg"], str)
        return answer


class InMemory:
    """A platform, its memory and clients of it."""

    def __init__(self, *apis: Api, **settings: Any) -> None:
        self.memory = memory = Memory()

        async def ready(timeout: float) -> bool:
            return True

        ports: dict[str, Any] = dict.fromkeys(
            ("database", "positions", "ids", "keys", "people", "sessions", "tokens", "drafts", "code", "limits"), memory
        )
        chosen = Settings(**settings)
        self.platform = Platform(
            settings=chosen,
            log=memory.log,  # type: ignore[arg-type]
            handle=CommandHandler(memory.log, DECIDERS, memory.now, memory),  # type: ignore[arg-type]
            read_models=READ_MODELS,
            now=memory.now,
            spans=HeldSpans(),
            objects=None,  # type: ignore[arg-type]
            files=None,  # type: ignore[arg-type]
            models=None,  # type: ignore[arg-type]
            past=Recall(memory.log, READ_MODELS, chosen.as_of_max_events, chosen.as_of_max_bytes),
            ready=lambda: "",
            wait_ready=ready,
            **ports,
        )
        routes = sorted((r for api in apis for r in api.routes), key=lambda r: r.order)
        self._app = create_app(self.platform, declarations=routes)

    def client(self, user_id: str) -> Client:
        """A user's client."""
        return Client(self._app, user_id)

    async def admit(self, user_id: str, space: str) -> None:
        """Makes the user a member of a space."""
        stream = Stream("_", "spaces", space)
        loaded = await self.memory.log.load([stream], None, lambda s, e: s)
        created = SpaceCreated(space_id=space, space_type="team", owner=user_id)
        born = () if loaded.tails[str(stream)].version else (created,)
        joined = MemberAdded(space_id=space, user_id=user_id, role="owner")
        meta = Metadata(actor=user_id, command_id=f"admit-{space}-{user_id}", occurred_at=self.memory.now())
        await self.memory.log.append([Append(stream, [*born, joined])], loaded.tails, meta)
