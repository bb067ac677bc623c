"""What a handler may do: enter a space, issue a command, ask a question. One `Edge` per request."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request

from commands.command import Command
from cozeloop.api.auth import COOKIE, ended_cookie, session_cookie
from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import INVALID_PARAM, NO_PERMISSION, Module
from cozeloop.api.tenancy import Tenancy
from cozeloop.handling import Issued, Prepare, Receipt, fingerprint
from cozeloop.platform import Platform
from events.event import GLOBAL_SPACE
from projections.log.objects import OBJECTS
from projections.projector import ReadModel

P = ParamSpec("P")
T = TypeVar("T")

SPANS = "spans"
"""The name of the positions of traces: ``spans:45``."""
KEY_HEADER = "Idempotency-Key"
LONGEST_KEY = 255
LOG_NAME = re.compile(r"(events(-[0-9a-f]{8})?|spans)?")
"""What the log's positions are called: ``events:123``; nothing for a number alone."""
ERASED = "this workspace was erased: its key has been destroyed"

__all__ = ["ApiError", "Edge"]


class Edge:
    """One request's view of the platform. ``user_id`` is the caller, empty on an anonymous route."""

    def __init__(
        self, platform: Platform, tenancy: Tenancy, request: Request, module: Module, user_id: str, body: bytes = b""
    ) -> None:
        self.platform = platform
        self.request = request
        self.user_id = user_id
        self.operator = False
        """Whether the operator calls; then there is no user."""
        self.headers: list[tuple[str, str]] = []
        self.tenancy = tenancy
        self.module = module
        self._body = body
        self._key = ("header", key_of(request)) if key_of(request) else None
        self._issued = 0
        self._drawn = 0

    # --- space -----------------------------------------------------------------------------------------------------

    async def enter_space(self, workspace_id: str | None) -> str:
        """The space, when the caller is a member; else the module's …202 (none named) or …101."""
        if not workspace_id or workspace_id == "0":
            raise ApiError(self.module.code(INVALID_PARAM), "invalid param,workspace_id is required")
        if not await self.tenancy.is_member(workspace_id, self.user_id):
            await self._tell_the_end_of(workspace_id)
            raise ApiError(self.module.code(NO_PERMISSION), "no permission,not a member of this workspace")
        return workspace_id

    async def may_enter(self, workspace_id: str) -> bool:
        """Whether the caller is a member of the space now."""
        return await self.tenancy.is_member(workspace_id, self.user_id)

    async def enter(
        self, capability: str, id: str, workspace_id: str | None = None, *, missing: Callable[[], Exception]
    ) -> str:
        """The space of an existing object. Unknown, another's, or not in the workspace named: raises ``missing()``.

        The three are one answer, so that nobody learns which ids exist elsewhere.
        """
        space = await self.tenancy.space_of(capability, id)
        if space is None or (workspace_id and workspace_id not in ("0", space)):
            raise missing()
        if not await self.tenancy.is_member(space, self.user_id):
            await self._tell_the_end_of(space)
            raise missing()
        return space

    async def _tell_the_end_of(self, space: str) -> None:
        """Raises for somebody who was a member until the space's content was erased."""
        if await self.tenancy.was_member(space, self.user_id):
            raise ApiError(self.module.code(NO_PERMISSION), f"no permission,{ERASED}")

    # --- commands --------------------------------------------------------------------------------------------------

    def ids(self, n: int, *, idempotency: str = "") -> list[str]:
        """``n`` new ids. With an idempotency key (the header, or a ``cid``) the same ones when it is sent again."""
        self._keyed(idempotency)
        if self._key is None:
            return self.platform.ids.block(n)
        first, self._drawn = self._drawn, self._drawn + n
        command_id = self._command_id(0)
        return [derived_id(command_id, i) for i in range(first, first + n)]

    async def issue(
        self,
        command: Command,
        *shown_in: ReadModel,
        prepare: Prepare | None = None,
        idempotency: str = "",
        secret: bool = False,
    ) -> Receipt:
        """Handles the command and waits, bounded, for the read models that show it.

        ``idempotency`` is the contract's ``cid``: the same one with the same body is the same command, with another
        body simply another. The header ``Idempotency-Key`` wins over it and refuses another body.
        ``secret``: request or answer holds a password or token. Nothing of the body reaches the log then, not even
        its digest, and no key is honoured: what is shown once cannot be answered again.
        Raises the decider's refusal and what the log may answer.
        """
        self._keyed(idempotency)
        issued = Issued(
            actor=self.user_id,
            command_id=fingerprint("fresh", self.platform.ids.new()) if secret else self._command_id(self._issued),
            digest="" if secret else await self.platform.keys.digest(GLOBAL_SPACE, self.digest),
            keyed=self._key is not None and not secret,
        )
        self._issued += 1
        receipt = await self.platform.handle(command, issued, prepare)
        self.request.scope.setdefault("commands", []).append(type(command).__name__)
        if receipt.position:
            self.set_header("X-Log-Position", f"{self.platform.log_name}:{receipt.position}")
            await self._shown(receipt.position, {m.name for m in (*shown_in, OBJECTS)} if shown_in else ())
        return receipt

    async def repeats(self, idempotency: str = "") -> bool:
        """Whether the caller's key names a command that was done: it is answered as then, whatever came afterwards.

        So what a command needs to find is also looked for among what was deleted since.
        """
        self._keyed(idempotency)
        return self._key is not None and await self.platform.handle.seen(self._command_id(0))

    @property
    def digest(self) -> str:
        """Of what was asked: method, path, query and body. It enters the log under the installation's key alone."""
        scope = self.request.scope
        asked = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode(
            "utf-8", "replace"
        )
        return hashlib.sha256(asked + self._body).hexdigest()[:32]

    def _keyed(self, cid: str) -> None:
        if cid and self._key is None:
            self._key = ("cid", f"{cid}\n{self.digest}")

    def _command_id(self, index: int) -> str:
        if self._key is None:
            return fingerprint("fresh", self.platform.ids.new())
        route = self.request.scope.get("route_template", self.request.scope["path"])
        parts = (self.user_id, f"{self.request.method} {route}", *self._key)
        return fingerprint(*parts, str(index)) if index else fingerprint(*parts)

    # --- questions -------------------------------------------------------------------------------------------------

    async def ask(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One query on the read database, with a connection of its own."""
        return await self.platform.database.read(query, *args, **kwargs)

    async def seen(self, *models: ReadModel) -> None:
        """Waits, bounded, for the ``min_position`` that the caller sent; done for every request, over all models."""
        for log, position in min_positions(self.request, self.platform.log_name).items():
            names = [SPANS] if log == SPANS else [m.name for m in models or self.platform.read_models]
            await self._shown(position, names, log)

    async def _shown(self, position: int, names: Sequence[str] | set[str], log: str = "") -> None:
        """Waits until the models show the position; when the wait runs out the answer says how far they are behind."""
        positions = self.platform.positions
        waiting = [n for n in names if positions.of(n) < position]
        if not waiting:
            return
        limit = self.platform.settings.read_wait_seconds
        reached = await asyncio.gather(*(positions.reached(n, position, limit) for n in waiting))
        if not all(reached):
            behind = max(position - positions.of(n) for n in waiting)
            self.set_header("X-Read-Lag", f"{log or self.platform.log_name}:{max(behind, 0)}")

    def now(self) -> datetime:
        """The platform's clock."""
        return self.platform.now()

    # --- limits and sessions ---------------------------------------------------------------------------------------

    async def limit(self, key: str, per_second: float, code: int, burst: int = 0) -> None:
        """Refuses what is over the rate (HTTP 429 on /v1). ``burst`` defaults to one second's worth."""
        if not await self.platform.limits.allow(key, per_second, burst or max(1, int(per_second))):
            raise ApiError(code, "too many requests,try again later", status=429)

    @property
    def session(self) -> str:
        """The session cookie that was sent."""
        return self.request.cookies.get(COOKIE, "")

    def sign_in(self, cookie: str, expires_at: datetime) -> None:
        """Makes the browser keep the session."""
        secure = self.platform.settings.secure_cookies
        self.headers.append(("set-cookie", session_cookie(cookie, expires_at, self.now(), secure)))

    def sign_out(self) -> None:
        """Makes the browser forget its session."""
        self.headers.append(("set-cookie", ended_cookie(self.platform.settings.secure_cookies)))

    def set_header(self, name: str, value: str) -> None:
        """Sets a header of the answer, once."""
        self.headers = [(n, v) for n, v in self.headers if n != name.lower()]
        self.headers.append((name.lower(), value))


def derived_id(command_id: str, index: int) -> str:
    """A created id that belongs to its command: 63 bits of sha-256, never 0."""
    digest = hashlib.sha256(f"{command_id}/{index}".encode()).digest()
    return str(int.from_bytes(digest[:8], "big") >> 1 or 1)


def key_of(request: Request) -> str:
    """The Idempotency-Key that was sent; refuses one that is too long."""
    key = request.headers.get(KEY_HEADER, "")
    if len(key) > LONGEST_KEY:
        raise ApiError(Module.FOUNDATION.code(INVALID_PARAM), f"invalid param,{KEY_HEADER}: longer than {LONGEST_KEY}")
    return key


def min_positions(request: Request, log: str) -> dict[str, int]:
    """The positions that the caller has seen, from the query or the header X-Min-Position, by the log's name.

    One or several of ``events:123`` and ``spans:45``, with commas between; a bare number is one of ``events``.
    """
    sent = request.query_params.get("min_position") or request.headers.get("x-min-position") or ""
    found: dict[str, int] = {}
    for each in sent.split(",") if sent else ():
        name = SPANS if each.startswith(f"{SPANS}:") else log
        try:
            found[name] = position_of(each, name, "min_position")
        except ValueError as error:
            raise ApiError(Module.FOUNDATION.code(INVALID_PARAM), f"invalid param,{error}") from error
    return found


def position_of(sent: str, log: str, field: str, any_log: bool = False) -> int:
    """The number of a position that was sent; raises ValueError naming the field.

    One of another log is refused: it would be waited for in vain, or taken for an event that is not the one meant. A
    number alone is one of the log ``events``; with ``any_log`` it is one of this log, whatever its name. 0 alone is the
    beginning of every log.
    """
    name, _, number = sent.rpartition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19) or not LOG_NAME.fullmatch(name):
        raise ValueError(f"{field}: must be like {log}:123")
    beginning = not name and not int(number)
    if (name or (log if any_log or beginning else "events")) != log:
        raise ValueError(f"{field}: {sent} is of a log before this one, whose positions are like {log}:123; read anew")
    return int(number)
