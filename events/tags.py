"""Tags: what people may mark rows, spans and results with. A key with its values, version after version.

Each change makes a version; the older ones stay as they were, so that what was marked then can be read for ever.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from events.event import Event, Sealed


class TagValue(BaseModel):
    """One value of a key. ``system``: the fallback that the platform adds by itself."""

    model_config = ConfigDict(frozen=True)
    value_id: str
    name: str
    description: str = ""
    status: str = "active"
    system: bool = False


class NumberRange(BaseModel):
    """The ends of a continuous number, each with what it means; None = open."""

    model_config = ConfigDict(frozen=True)
    min_value: float | None = None
    min_description: str = ""
    max_value: float | None = None
    max_description: str = ""


class TagContent(BaseModel):
    """What a version of a key says: its name and description, its values, or the range of its numbers."""

    model_config = ConfigDict(frozen=True)
    name: str
    description: str = ""
    values: tuple[TagValue, ...] = ()
    number: NumberRange | None = None


class TagCreated(Event):
    """A key exists. ``tag_type``: ``tag`` holds its name alone in the space, ``option`` holds none.

    ``domains`` are where it may be used: ``data``, ``observe``, ``evaluation``.
    """

    tag_key_id: str
    tag_type: str
    content_type: str
    content: Sealed[TagContent]
    domains: tuple[str, ...]
    version: str
    name_reservation: str


class TagRevised(Event):
    """The key reads so from version ``version_num`` on."""

    tag_key_id: str
    version_num: int
    version: str
    status: str
    content: Sealed[TagContent]
    domains: tuple[str, ...]
    name_reservation: str


class TagStatusChanged(Event):
    """The key is ``active``, ``inactive`` or, for good, ``deprecated``; its content is that of ``content_num``."""

    tag_key_id: str
    version_num: int
    content_num: int
    status: str


class OptionMadeTag(Event):
    """An option is a tag from this version on, under a name of its own."""

    tag_key_id: str
    version_num: int
    version: str
    status: str
    content: Sealed[TagContent]
    domains: tuple[str, ...]
    name_reservation: str
