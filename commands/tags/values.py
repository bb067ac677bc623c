"""What a key may say: the rules of its name, its values, its range of numbers and where it is used."""

from __future__ import annotations

import math
from collections.abc import Sequence

from commands.tags.messages import (
    CONTENT_TYPES,
    DESCRIPTION_LIMIT,
    DOMAINS,
    FALLBACK,
    MOST_VALUES,
    NAME_LIMIT,
    TAG_TYPES,
    TagFieldInvalid,
    TagValuesInvalid,
)
from events.tags import NumberRange, TagContent, TagValue

BOOLEAN_VALUES = 2
VALUE_STATUSES = ("active", "inactive")


def with_fallback(content_type: str, values: Sequence[TagValue], fallback_id: str) -> tuple[TagValue, ...]:
    """The values, a categorical key's with the one that fits when no other does."""
    if content_type != "categorical":
        return tuple(values)
    return (*values, TagValue(value_id=fallback_id, name=FALLBACK, system=True))


def check_content(content: TagContent, content_type: str, domains: Sequence[str], tag_type: str) -> None:
    """Refuses what a version must not say, naming the field."""
    within("tag_key_name", content.name, NAME_LIMIT)
    within("description", content.description, DESCRIPTION_LIMIT, empty=True)
    one_of("tag_content_type", content_type, CONTENT_TYPES)
    one_of("tag_type", tag_type, TAG_TYPES)
    for domain in domains:
        one_of("tag_domain_types", domain, DOMAINS)
    if len(set(domains)) < len(domains) or not domains:
        raise TagFieldInvalid("tag_domain_types names each domain once, and at least one")
    check_values(content.values, content_type)
    check_range(content.number, content_type)


def check_values(values: Sequence[TagValue], content_type: str) -> None:
    """How many there are, what they are called, and that no two have one name."""
    own = [v for v in values if not v.system]
    if content_type == "boolean" and len(own) != BOOLEAN_VALUES:
        raise TagValuesInvalid("tag_values: a boolean tag has two")
    if content_type in ("continuous_number", "free_text") and own:
        raise TagValuesInvalid(f"tag_values: a tag of type {content_type} has none")
    if content_type == "categorical" and not 0 < len(own) <= MOST_VALUES:
        raise TagValuesInvalid(f"tag_values: a categorical tag has 1 to {MOST_VALUES}")
    for value in own:
        within("tag_values.tag_value_name", value.name, DESCRIPTION_LIMIT)
        within("tag_values.description", value.description, DESCRIPTION_LIMIT, empty=True)
        one_of("tag_values.status", value.status, VALUE_STATUSES)
    if len({v.name for v in values}) < len(values):
        raise TagValuesInvalid("tag_values.tag_value_name: two values have the same name")
    if len({v.value_id for v in values}) < len(values):
        raise TagValuesInvalid("tag_values.tag_value_id: two values have the same id")


def check_range(number: NumberRange | None, content_type: str) -> None:
    """The ends of a range, in their order."""
    if number is None:
        return
    if content_type != "continuous_number":
        raise TagFieldInvalid(f"tag_content_spec: a tag of type {content_type} has no range")
    ends = [end for end in (number.min_value, number.max_value) if end is not None]
    if not all(math.isfinite(end) for end in ends) or ends != sorted(ends):
        raise TagFieldInvalid("tag_content_spec: min_value must not be above max_value")
    within("tag_content_spec.min_value_description", number.min_description, DESCRIPTION_LIMIT, empty=True)
    within("tag_content_spec.max_value_description", number.max_description, DESCRIPTION_LIMIT, empty=True)


def one_of(field: str, value: str, known: Sequence[str]) -> None:
    """Refuses a word that is none of those known."""
    if value not in known:
        raise TagFieldInvalid(f"{field} {value[:64]!r} is not one of {', '.join(known)}")


def within(field: str, text: str, limit: int, *, empty: bool = False) -> None:
    """Refuses a text that is longer than its limit in characters, or empty where it must not be."""
    if not text and not empty:
        raise TagFieldInvalid(f"{field} is required")
    if len(text) > limit:
        raise TagFieldInvalid(f"{field} is longer than {limit} characters")
