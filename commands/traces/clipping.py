"""How much of a span is kept (behaviour.md §7.1): lengths are bytes of UTF-8, cut at a character's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

CONTENT_BYTES = 1024 * 1024
"""Of input and of output."""
FIELD_BYTES = 1024
"""Of every other text, and of a tag's value."""
OBJECTS_BYTES = 64 * 1024
"""Of the JSON that names uploaded values: cut, it would name none."""
KEY_BYTES = 100
MOST_TAGS = 50
"""Tags of one span over all types."""

V = TypeVar("V")


def clip(value: str, limit: int) -> str:
    """The text, or its longest beginning of at most ``limit`` bytes."""
    if len(value) * 4 <= limit or (len(value) <= limit and value.isascii()):
        return value
    data = value.encode()
    return value if len(data) <= limit else data[:limit].decode(errors="ignore")


class Clipper:
    """Clips the fields of one span and remembers the names of those that it shortened."""

    def __init__(self) -> None:
        self.clipped: list[str] = []
        self._tags = 0

    def field(self, name: str, value: str, limit: int = FIELD_BYTES) -> str:
        """A field's text."""
        kept = clip(value, limit)
        if len(kept) != len(value):
            self.clipped.append(name)
        return kept

    def texts(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Tags with their values clipped, as many as the span may still have."""
        if not tags:
            return {}
        if self._fit(tags) and max(map(len, tags.values()), default=0) * 4 <= FIELD_BYTES:
            self._tags += len(tags)
            return dict(tags)
        return {key: self.field(key, value) for key, value in self.some(tags).items()}

    def some(self, tags: Mapping[str, V]) -> dict[str, V]:
        """As many tags as the span may still have, by keys of at most `KEY_BYTES`."""
        if not tags:
            return {}
        if self._fit(tags):
            self._tags += len(tags)
            return dict(tags)
        found: dict[str, V] = {}
        for key, value in tags.items():
            if self._tags >= MOST_TAGS:
                self.clipped.append(clip(key, KEY_BYTES))
                continue
            found[clip(key, KEY_BYTES)] = value
            self._tags += 1
        return found

    def _fit(self, tags: Mapping[str, V]) -> bool:
        """Whether all of them may stay, by keys that are surely short enough; nearly always, and quickly seen."""
        return self._tags + len(tags) <= MOST_TAGS and max(map(len, tags), default=0) * 4 <= KEY_BYTES
