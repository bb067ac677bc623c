"""A toy capability over the real edge: enough routes to see every rule of binding, tenancy and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, ClassVar

import httpx
from fastapi import FastAPI
from pydantic import Field

from commands.command import Command, Context, Decider, Refusal
from cozeloop.api.app import create_app
from cozeloop.api.edge import Edge
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.scalars import I32, I64, Bool, Double, Vt, WireModel
from cozeloop.handling import CommandHandler
from cozeloop.platform import EventQuery, Line
from events.event import Event, Stream
from projections.prompts.prompts import PROMPTS
from tests.in_memory import InMemory

NOTES = "/api/prompt/v1/notes"


class NoteWritten(Event):
    note_id: str
    text: str


class WriteNote(Command):
    space_id: str
    note_id: str
    text: str


class NoteMissing(Refusal):
    """No such note."""


class Rude(Refusal):
    """Stands in no table."""


def decide(state: str, command: WriteNote, context: Context) -> Sequence[Event]:
    if command.text == "rude":
        raise Rude("text")
    return [NoteWritten(note_id=command.note_id, text=command.text)] if command.text != state else []


WRITE: Decider[WriteNote, str] = Decider(
    initial="",
    streams=lambda command, state: (Stream(command.space_id, "notes", command.note_id),),
    evolve=lambda state, event: event.text if isinstance(event, NoteWritten) else state,
    decide=decide,
)


class Inner(WireModel):
    number: I64 | None = None
    text: str | None = None


class NoteRequest(WireModel):
    PLACES: ClassVar[dict[str, str]] = {"note_id": "path"}
    note_id: I64
    workspace_id: I64 | None = None
    text: Annotated[str | None, Vt(max_size=10)] = None
    count: Annotated[I32 | None, Vt(gt=0, le=100)] = None
    size: Double | None = None
    flag: Bool | None = None
    ids: list[I64] | None = None
    labels: dict[str, str] | None = None
    inner: Inner | None = None
    many: list[Inner] | None = None


class WriteNoteRequest(WireModel):
    workspace_id: I64 | None = None
    text: Annotated[str | None, Vt(not_nil=True, min_size=1)] = Field(None, validate_default=True)
    cid: str | None = None


class Anything(WireModel):
    pass


api = Api(Module.PROMPT)


@api.post(NOTES, WriteNoteRequest, Anything)
async def write_note(edge: Edge, req: WriteNoteRequest) -> dict[str, Any]:
    """Writes a note."""
    space = await edge.enter_space(req.workspace_id)
    [note_id] = edge.ids(1, idempotency=req.cid or "")
    command = WriteNote(space_id=space, note_id=note_id, text=req.text or "")
    receipt = await edge.issue(command, PROMPTS, idempotency=req.cid or "")
    written = receipt.one(NoteWritten)
    return {"note_id": written.note_id if written else "", "text": written.text if written else ""}


@api.post(f"{NOTES}/:note_id", NoteRequest, Anything)
async def read_note(edge: Edge, req: NoteRequest) -> dict[str, Any]:
    """Echoes what was bound."""
    return {"bound": req.model_dump(exclude_none=True)}


@api.get(f"{NOTES}/:note_id", NoteRequest, Anything)
async def get_note(edge: Edge, req: NoteRequest) -> dict[str, Any]:
    """Echoes what was bound, of a note that exists."""
    space = await edge.enter("notes", req.note_id, req.workspace_id, missing=NoteMissing)
    return {"space": space, "bound": req.model_dump(exclude_none=True)}


@api.post(f"{NOTES}/list", Anything, Anything)
async def list_notes(edge: Edge, req: Anything) -> dict[str, Any]:
    """Is a word where others have an id."""
    return {"listed": True}


@api.post(f"{NOTES}/login", Anything, Anything, anonymous=True)
async def login(edge: Edge, req: Anything) -> dict[str, Any]:
    """Needs no session."""
    return {"user": edge.user_id}


@api.post(f"{NOTES}/broken", Anything, Anything)
async def broken(edge: Edge, req: Anything) -> dict[str, Any]:
    """A defect."""
    raise RuntimeError("secret of the machine room")


@api.post("/v1/loop/prompts/notes", WriteNoteRequest, Anything)
async def sdk_note(edge: Edge, req: WriteNoteRequest) -> dict[str, Any]:
    """A note of an SDK, at most one a second and space."""
    space = await edge.enter_space(req.workspace_id)
    await edge.limit(f"note:{space}", 1, 600502001)
    return {"code": 0, "msg": "", "data": {"user": edge.user_id}}


class ToyOperations:
    """Answers what it is asked."""

    async def events(self, query: EventQuery) -> AsyncIterator[Line]:
        for position in range(query.after + 1, query.after + query.limit + 1):
            yield {"position": position, "since": query.since.isoformat() if query.since else None}

    async def verify(self) -> AsyncIterator[Line]:
        yield {"done": 1}
        raise RuntimeError("secret of the machine room")

    async def replay(self, models: Sequence[str], parked: bool = False) -> AsyncIterator[Line]:
        if "nothing" in models:
            raise ValueError("no read model is called nothing")
        for model in models:
            yield {"read_model": model, "parked": True} if parked else {"read_model": model}


class World:
    """The toy capability on a platform in memory; user 7 may enter space 70, user 8 space 80."""

    def __init__(self, **settings: Any) -> None:
        self.memory = InMemory(**settings)
        self.platform = self.memory.platform
        log, clock = self.memory.memory.log, self.memory.memory.now
        commands: dict[type[Command], Decider[Any, Any]] = {WriteNote: WRITE}
        self.platform.handle = CommandHandler(log, commands, clock, self.memory.memory)
        self.platform.operator_token = "operator"
        self.platform.operations = ToyOperations()
        self.log = log
        self.app: FastAPI = create_app(self.platform, declarations=declared())

    async def begin(self) -> World:
        await self.memory.admit("7", space="70")
        await self.memory.admit("8", space="80")
        return self

    def client(self, user: str | None = "7", **headers: str) -> httpx.AsyncClient:
        """A user's browser and SDK in one; None is nobody."""
        credentials = {"cookie": f"session_key={user}", "authorization": f"Bearer {user}"} if user else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://platform", headers={**credentials, **headers})


def declared() -> list[Any]:
    from cozeloop.api import admin

    return sorted([*api.routes, *admin.api.routes], key=lambda r: r.order)
