"""What can be asked of tags, and the rules that may say no."""

from __future__ import annotations

from commands.command import Command, Refusal
from events.tags import NumberRange, TagValue

NAME_LIMIT = 50
DESCRIPTION_LIMIT = 200
MOST_VALUES = 20
FIRST_VERSION = "0.0.1"
FALLBACK = "其他「系统自动生成」"
"""The name of the value that every categorical key has, as the contract spells it."""
CONTENT_TYPES = ("categorical", "boolean", "continuous_number", "free_text")
DOMAINS = ("data", "observe", "evaluation")
TAG_TYPES = ("tag", "option")
STATUSES = ("active", "inactive", "deprecated")


class CreateTag(Command):
    """A new key; ``fallback_id`` is the id of the value that a categorical key gets by itself."""

    space_id: str
    tag_key_id: str
    name: str
    name_reservation: str
    fallback_id: str
    description: str = ""
    tag_type: str = "tag"
    content_type: str = "categorical"
    values: tuple[TagValue, ...] = ()
    number: NumberRange | None = None
    domains: tuple[str, ...] = DOMAINS
    version: str = FIRST_VERSION


class ReviseTag(Command):
    """Another version of a key; None keeps what it says. Values without a known id are new."""

    space_id: str
    tag_key_id: str
    name: str
    name_reservation: str
    new_ids: tuple[str, ...] = ()
    """Ids that values of this command bring with them."""
    description: str | None = None
    content_type: str | None = None
    values: tuple[TagValue, ...] | None = None
    number: NumberRange | None = None
    domains: tuple[str, ...] | None = None
    version: str | None = None


class ChangeTagStatus(Command):
    """The key is offered, hidden, or gone for good."""

    space_id: str
    tag_key_id: str
    status: str


class MakeOptionTag(Command):
    """An option becomes a tag under a name."""

    space_id: str
    tag_key_id: str
    name: str
    name_reservation: str
    description: str = ""


class TagFieldInvalid(Refusal):
    """A field is missing, too long or not one of its values."""


class TagValuesInvalid(Refusal):
    """The values do not fit the content type."""


class TagNameTaken(Refusal):
    """Another tag of the space has the name."""


class TagMissing(Refusal):
    """There is no such tag."""


class TagStatusUnchanged(Refusal):
    """The tag has this status already, or none that could change."""


class TagNotOption(Refusal):
    """Only an option becomes a tag."""
