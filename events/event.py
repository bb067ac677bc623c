"""What every event is: a fact, in which stream it lies, and who caused it when.

Events are the public contract of this backend. A payload never changes once it is released: a new shape is a
new `schema_version` with an upcast from the one before, and the golden files under tests/golden hold the old.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, Union

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")
E = TypeVar("E", bound="Event", covariant=True)

GLOBAL_SPACE = "_"
"""The space token of users, spaces and whatever belongs to no space."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_KIND = re.compile(r"[a-z][a-z_]{0,63}")
_NAME = re.compile(
    rf"({_TOKEN.pattern})\.({_TOKEN.pattern})\."
    rf"(?:({_TOKEN.pattern})|({_KIND.pattern})\.({_TOKEN.pattern})(?:\.({_TOKEN.pattern}))?)"
)


class Erased(BaseModel):
    """What a sealed field opens to when the key of its space has been destroyed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    erased: Literal[True] = True


class SealMark:
    """Marks a field whose value is encrypted under the space's key before it is stored."""


Sealed = Annotated[Union[T, Erased], SealMark()]  # noqa: UP007 - a generic alias needs Union here
"""A field that holds what a user typed: stored as ``{"key", "nonce", "sealed"}``, opened on load."""


class Event(BaseModel):
    """A fact. The class name is the wire name, globally unique; the payload is plain JSON.

    ``upcasts[n]`` turns a payload of version n into one of version n + 1 and is pure and total.
    ``header_fields`` name fields that travel as the header ``ce-totals`` instead of in the payload, so that a
    reader of the last event needs neither to parse nor to open it. ``inline_limit`` is the size in bytes up to
    which a sealed field lies in the event; a larger one lies in the object store.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    schema_version: ClassVar[int] = 1
    upcasts: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    header_fields: ClassVar[tuple[str, ...]] = ()
    inline_limit: ClassVar[int] = 64 * 1024

    formerly_sealed: ClassVar[frozenset[str]] = frozenset()
    """Sealed fields of older versions that today's class no longer has; their upcasts get them opened."""

    @classmethod
    def sealed_fields(cls) -> tuple[str, ...]:
        """Names of the fields that are sealed, in declaration order."""
        return _sealed_fields(cls)

    @classmethod
    def sealed_names(cls) -> frozenset[str]:
        """Names under which a stored payload of any version may hold a sealed value."""
        return _sealed_names(cls)


@cache
def _sealed_fields(cls: type[Event]) -> tuple[str, ...]:
    return tuple(n for n, f in cls.model_fields.items() if any(isinstance(m, SealMark) for m in f.metadata))


@cache
def _sealed_names(cls: type[Event]) -> frozenset[str]:
    return frozenset(_sealed_fields(cls)) | cls.formerly_sealed


class Unrecognised(Event):
    """Stands for a stored event whose type or version this process does not know: read models skip it."""

    type: str
    version: int


@dataclass(frozen=True)
class Stream:
    """One consistency boundary: ``<space>.<capability>.[<kind>.]<id>[.<part>]``; a part needs a kind.

    Only decimal ids, hex digests and our own words may enter: the text is a NATS subject.
    """

    space: str
    capability: str
    id: str
    kind: str = ""
    part: str = ""
    name: str = field(init=False, compare=False, repr=False, default="")

    def __post_init__(self) -> None:
        if self.part and not self.kind:
            raise ValueError("a stream with a part needs a kind")
        if self.kind and not _KIND.fullmatch(self.kind):
            raise ValueError(f"not a stream kind: {self.kind!r}")
        tokens = [t for t in (self.space, self.capability, self.kind, self.id, self.part) if t]
        if not (self.space and self.capability and self.id) or not all(_TOKEN.fullmatch(t) for t in tokens):
            raise ValueError(f"not a stream: {tokens!r}")
        object.__setattr__(self, "name", ".".join(tokens))

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, text: str) -> Stream:
        """The stream of a name made by ``str``; raises ValueError for any other text."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise ValueError(f"not a stream: {text!r}")
        space, capability, alone, kind, id, part = found.groups(default="")
        stream = object.__new__(cls)  # checked already: every event of a long read comes by here
        stream.__dict__.update(space=space, capability=capability, id=alone or id, kind=kind, part=part, name=text)
        return stream


@dataclass(frozen=True)
class Metadata:
    """Who, why, when. ``occurred_at`` is aware and in UTC; ``actor`` is a user id or one of our own words."""

    actor: str
    command_id: str
    occurred_at: datetime
    command_digest: str = ""
    causation: str = ""
    correlation: str = ""


@dataclass(frozen=True)
class Recorded(Generic[E]):
    """An event as it lies in the log.

    ``version`` counts from 1 in its stream; ``position`` is the log's own sequence. ``recorded_at`` is the log's
    clock, None right after the append (the acknowledgement does not carry it): answers use ``meta.occurred_at``.
    """

    event: E
    stream: Stream
    version: int
    position: int
    id: str
    recorded_at: datetime | None
    meta: Metadata
    hash: str
