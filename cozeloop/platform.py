"""The ports that the edges see. What stands behind each is decided in `cozeloop.bootstrap` alone."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cozeloop.handling import CommandHandler
from cozeloop.outside import (  # noqa: F401 - ports, shown here with the others
    DeliveryOutcome,
    EventLine,
    EventQuery,
    EventReader,
    Subscriptions,
    SubscriptionsEnded,
    TooManyReaders,
    Webhooks,
)
from cozeloop.settings import Settings
from cozeloop.spans import Spans
from infra.eventstore.log import (  # noqa: F401 - what the log may answer, shown here with the port
    BeyondEnd,
    Damaged,
    EventLog,
    LogUnavailable,
    LossNoticed,
    NoRoom,
    Unknown,
    UnknownEvent,
)
from infra.llm.port import Chat, Delta, ModelFailed, Models, Reply  # noqa: F401 - ports, shown here with the others
from infra.objects import (  # noqa: F401 - what files may answer
    FileDamaged,
    FileTooLarge,
    ObjectsUnavailable,
    UploadedFile,
)
from infra.sandbox.port import CodeResult, CodeRunner  # noqa: F401 - as above
from infra.sql.database import Database
from infra.vault.keys import KeyDestroyed  # noqa: F401 - what sealing may answer
from infra.vault.port import Person, TokenFacts
from projections.projector import ReadModel


class Ids(Protocol):
    """64-bit ids as decimal strings, unique over all processes (behaviour.md §1.5's layout)."""

    def new(self) -> str:
        """One id."""
        ...

    def block(self, n: int) -> list[str]:
        """``n`` ids in rising order."""
        ...


class Positions(Protocol):
    """How far each read model has come."""

    def of(self, model: str) -> int:
        """The position that the model has come to."""
        ...

    def changed(self, model: str) -> int:
        """The position of the last batch that changed rows of the model: what was read since then still holds."""
        ...

    async def reached(self, model: str, position: int, timeout: float) -> bool:
        """True as soon as the model stands at or past the position; False when the time is over."""
        ...


class Keys(Protocol):
    """Each space's data key, without showing it."""

    async def create(self, space: str) -> None:
        """Makes the space's key durable; harmless when it exists."""
        ...

    async def digest(self, space: str, text: str) -> str:
        """32 hex digits: HMAC of the text under the space's key (the installation's key for the space ``_``)."""
        ...


class People(Protocol):
    """Accounts: personal data and password hashes, in the vault."""

    async def add(self, person: Person, password: str) -> None:
        """Stores the person and the password's Argon2id hash."""
        ...

    async def remove(self, user_id: str) -> None:
        """Forgets the person."""
        ...

    async def get(self, user_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of the ids that are known."""
        ...

    async def check_password(self, user_id: str, password: str) -> bool:
        """Whether it is this user's password; takes as long for an unknown user."""
        ...

    async def change(self, user_id: str, values: Mapping[str, str], position: int) -> None:
        """Other values of nick_name, description, avatar and name; of two names the later claim's stays."""
        ...

    async def set_password(self, user_id: str, password: str) -> None:
        """Another password from now on; every session of the user ends."""
        ...

    async def redeem(self, user_id: str, code: str, password: str) -> bool:
        """Sets another password with a one-time code, as `set_password`. False when the code is not the user's."""
        ...


class Sessions(Protocol):
    """Signed-in browsers; revocable."""

    async def open(self, user_id: str) -> tuple[str, datetime]:
        """A new session's cookie value and its expiry."""
        ...

    async def user_of(self, cookie: str) -> str | None:
        """The user of a live session."""
        ...

    async def close(self, cookie: str) -> None:
        """Ends the session."""
        ...


class Tokens(Protocol):
    """Personal access tokens: names and hashes in the vault, checked on every call of an SDK."""

    async def add(self, facts: TokenFacts) -> str:
        """Stores the token's hash and returns the token, which is never shown again."""
        ...

    async def user_of(self, token: str) -> str | None:
        """The owner of a valid token; notes the use."""
        ...

    async def get(self, token_id: str) -> TokenFacts | None:
        """The token's facts, None when unknown or removed."""
        ...

    async def list(self, user_id: str, limit: int, offset: int) -> tuple[list[TokenFacts], int]:
        """A page of a user's tokens, newest first, and their number."""
        ...

    async def rename(self, token_id: str, name: str, now: int) -> None:
        """Changes the name shown."""
        ...

    async def remove(self, token_id: str) -> None:
        """The token is refused from now on."""
        ...


@dataclass(frozen=True)
class Draft:
    """Working state: the newest revision of something not yet committed. ``content`` is plain JSON."""

    revision: int
    content: dict[str, Any]
    saved_at: datetime


class Drafts(Protocol):
    """Drafts and debug contexts: sealed, the last 50 revisions, never history."""

    async def load(self, space: str, capability: str, id: str, user: str = "") -> Draft | None:
        """The newest revision, None when there is none."""
        ...

    async def save(
        self,
        space: str,
        capability: str,
        id: str,
        content: dict[str, Any],
        user: str = "",
        expected: int | None = None,
    ) -> Draft:
        """Writes a revision; an identical one is not written. ``expected`` refuses when another was saved since."""
        ...


class Objects(Protocol):
    """Large values by name."""

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; harmless when the object exists."""
        ...

    async def get(self, name: str) -> bytes | None:
        """The object's bytes, None when there is none."""
        ...


class Files(Protocol):
    """What users upload, by space and name; sealed under the space's key."""

    async def write(self, space: str, name: str, chunks: AsyncIterable[bytes], limit: int) -> int:
        """The file's new content as it streams by, durable when it returns; its bytes.

        Raises FileTooLarge beyond the limit, ObjectsUnavailable; the file is then as it was.
        """
        ...

    def read(self, space: str, name: str) -> AsyncIterator[bytes]:
        """The content in pieces; nothing when there is no such file."""
        ...

    async def size(self, space: str, name: str) -> int | None:
        """Bytes of the content, None when there is no such file."""
        ...

    async def copy(self, space: str, source: str, target: str) -> bool:
        """The target has the source's content as it is now; False when there is none."""
        ...

    async def remove(self, space: str, name: str) -> None:
        """The file is gone; harmless when there was none."""
        ...

    async def listed(self, after: UploadedFile | None, limit: int) -> Sequence[UploadedFile]:
        """Files of all spaces behind one, or from the first on, in an order of their own, at most so many."""
        ...

    async def remove_unchanged(self, file: UploadedFile) -> bool:
        """Whether the file is gone by this call: not when it was written, or copied from or to, since it was listed."""
        ...


class RateLimits(Protocol):
    """Generic cell rate algorithm, per key."""

    async def allow(self, key: str, rate: float, burst: int) -> bool:
        """Whether one more call is within ``rate`` a second and ``burst`` at once; a rate of 0 or less allows all."""
        ...

    async def reserve(self, key: str, rate: float, burst: int, cost: float = 1, patience: float = 0.0) -> float | None:
        """Takes a place in the key's queue: the seconds until it is this call's turn, 0 = now.

        None when that is longer than ``patience``; nothing is counted then. A negative cost gives back.
        """
        ...


class TooMuchToRecall(Exception):
    """To answer as of a position more would have to be read than one question may; the text names the bound."""


Remembered = tuple[str, str, str]
"""An object by its space, capability and id."""


class Past(Protocol):
    """What objects were at a position of the log, folded from their events."""

    async def position(self, position: int | None, time: datetime | None = None) -> int:
        """The last position at or before the bound that cuts no batch; raises BeyondEnd for one not there yet."""
        ...

    async def holder(self, space: str, kind: str, digest: str, until: int) -> str:
        """Whose a reserved name was, empty when it was free."""
        ...

    def read_side(self, objects: Iterable[Remembered], until: int) -> AbstractAsyncContextManager[Database]:
        """Read models of these objects and of those that they are shown with; raises TooMuchToRecall."""
        ...


Line = Mapping[str, Any]
"""One line of an operation's progress as JSON; the last one carries ``ok``."""


class Operations(Protocol):
    """What an operator may ask of a running platform: behind ``cozeloop events | verify | replay``."""

    def events(self, query: EventQuery) -> AsyncIterator[Line]:
        """The events in log order, one a line."""
        ...

    def verify(self) -> AsyncIterator[Line]:
        """Checks chains, holes and the anchor; progress, then what was found."""
        ...

    def replay(self, models: Sequence[str], parked: bool = False) -> AsyncIterator[Line]:
        """Rebuilds these read models beside the live ones, and switches. Raises ValueError for an unknown one.

        With ``parked`` only what they parked is applied, to the tables as they are.
        """
        ...

    def doctor(self) -> AsyncIterator[Line]:
        """What each check finds, as ``{"what", "state", "said", "facts"}``; then ``final`` with how many failed."""
        ...

    def backup(self, target: Path, with_key: bool) -> AsyncIterator[Line]:
        """Writes a backup to a place that is new or empty. Raises ValueError for a place that cannot be used."""
        ...

    def reset_code(self, email: str) -> AsyncIterator[Line]:
        """A one-time code with which whoever has this e-mail sets another password. Raises ValueError for nobody's."""
        ...

    def erase(self, space: str) -> AsyncIterator[Line]:
        """Destroys the space's key and everything that was made of its content. Raises the refusal SpaceMissing."""
        ...


@dataclass
class Platform:
    """Everything an edge may use."""

    settings: Settings
    log: EventLog
    handle: CommandHandler
    database: Database
    read_models: Sequence[ReadModel]
    positions: Positions
    now: Callable[[], datetime]
    ids: Ids
    keys: Keys
    people: People
    sessions: Sessions
    tokens: Tokens
    drafts: Drafts
    spans: Spans
    objects: Objects
    files: Files
    models: Models
    code: CodeRunner
    limits: RateLimits
    ready: Callable[[], str]
    """Empty when log and read models are ready, else what is awaited."""
    wait_ready: Callable[[float], Awaitable[bool]]
    trouble: Callable[[], str] = lambda: ""
    """What is wrong although requests are served, in a sentence; empty when nothing is."""
    log_name: str = "events"
    """What the log's positions are called; another name after a restore, so that old ones are noticed."""
    forgets: list[Callable[[], None]] = field(default_factory=list)
    """Memories of this process that may hold content; each is emptied when a space is erased."""
    operator_token: str = ""
    operations: Operations | None = None
    subscriptions: Subscriptions | None = None
    webhooks: Webhooks | None = None
    past: Past | None = None
