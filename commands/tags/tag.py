"""A tag key as its decisions need it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from commands.reservations import Held, evolve_held, reservation
from commands.tags.messages import ChangeTagStatus, CreateTag, MakeOptionTag, ReviseTag
from events.event import Erased, Event, Stream
from events.tags import OptionMadeTag, TagContent, TagCreated, TagRevised, TagStatusChanged

TagCommand = CreateTag | ReviseTag | ChangeTagStatus | MakeOptionTag
NAME = "tag_name"
"""The kind of the reservations that make a name unique in its space."""
NOTHING = TagContent(name="")


@dataclass(frozen=True)
class Tag:
    """``number`` counts versions from 1, ``content_number`` is the one whose content holds; 0: there is no such key."""

    number: int = 0
    content_number: int = 0
    version: str = ""
    status: str = ""
    tag_type: str = ""
    content_type: str = ""
    content: TagContent | Erased = NOTHING
    domains: tuple[str, ...] = ()
    name_reservation: str = ""
    held: Held = field(default_factory=dict)


UNBORN = Tag()


def tag_stream(space_id: str, tag_key_id: str) -> Stream:
    """The stream of one key."""
    return Stream(space_id, "tags", tag_key_id)


def streams(command: TagCommand, state: Tag) -> tuple[Stream, ...]:
    """The key's own, the name that is wanted, and the one that is given up."""
    names = []
    if isinstance(command, CreateTag | ReviseTag | MakeOptionTag) and command.name_reservation:
        names.append(command.name_reservation)
    if state.name_reservation:
        names.append(state.name_reservation)
    own = tag_stream(command.space_id, command.tag_key_id)
    return own, *(reservation(command.space_id, NAME, name) for name in dict.fromkeys(names))


def evolve(state: Tag, event: Event) -> Tag:
    """Folds a key's history and its names'."""
    match event:
        case TagCreated():
            return replace(
                state,
                number=1,
                content_number=1,
                version=event.version,
                status="active",
                tag_type=event.tag_type,
                content_type=event.content_type,
                content=event.content,
                domains=event.domains,
                name_reservation=event.name_reservation,
            )
        case TagRevised() | OptionMadeTag():
            return replace(
                state,
                number=event.version_num,
                content_number=event.version_num,
                version=event.version,
                tag_type="tag" if isinstance(event, OptionMadeTag) else state.tag_type,
                content=event.content,
                domains=event.domains,
                name_reservation=event.name_reservation,
            )
        case TagStatusChanged():
            held = "" if event.status == "deprecated" else state.name_reservation
            return replace(state, number=event.version_num, status=event.status, name_reservation=held)
        case _:
            return replace(state, held=evolve_held(state.held, event))
