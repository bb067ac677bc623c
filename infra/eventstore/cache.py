"""Folded states with the tails they stand at: a command on a warm state reads nothing before it appends."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from events.event import Event
from infra.eventstore.log import LastOnly, Loaded, Seen, Tail

Key = tuple[Callable[[Any, Event], Any], LastOnly, tuple[str, ...]]
"""The fold, whether it is of last events only, and the streams in their order."""

KEPT_COMMANDS = 256


class StateCache:
    """The most recently used states. A state never is authority: the append's expectation is."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._entries: OrderedDict[Key, Loaded[Any]] = OrderedDict()
        self._by_stream: dict[str, set[Key]] = defaultdict(set)

    def get(self, key: Key) -> Loaded[Any] | None:
        """The state as it was last known."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, loaded: Loaded[Any]) -> None:
        """Keeps a state; the least recently used gives way."""
        self._entries[key] = replace(loaded, cached=True)
        self._entries.move_to_end(key)
        for name in key[2]:
            self._by_stream[name].add(key)
        if len(self._entries) > self._size:
            old, _ = self._entries.popitem(last=False)
            self._unlink(old)

    def advance(
        self,
        before: Mapping[str, Tail],
        after: Mapping[str, Tail],
        events: Mapping[str, Sequence[Event]],
        seen: Seen,
        command_id: str,
    ) -> list[tuple[Key, Loaded[Any]]]:
        """Folds one command's own events into every state that stood where they were appended; drops the others.

        Returns the states that were carried forward.
        """
        advanced: list[tuple[Key, Loaded[Any]]] = []
        for key in {k for name in after for k in self._by_stream.get(name, ())}:
            entry = self._entries[key]
            touched = [name for name in key[2] if name in after]
            if any(entry.tails[name] != before.get(name, Tail()) for name in touched):
                self._entries.pop(key)
                self._unlink(key)
                continue
            state = entry.state
            for name in touched:
                for event in events[name]:
                    state = key[0](state, event)
            tails = {**entry.tails, **{name: after[name] for name in touched}}
            self._entries[key] = Loaded(state, tails, remember(entry.commands, command_id, seen), cached=True)
            advanced.append((key, self._entries[key]))
        return advanced

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._by_stream.clear()

    def _unlink(self, key: Key) -> None:
        for name in key[2]:
            keys = self._by_stream[name]
            keys.discard(key)
            if not keys:
                del self._by_stream[name]


def remember(commands: Mapping[str, Seen], command_id: str, seen: Seen) -> dict[str, Seen]:
    """The command ids last seen, bounded."""
    kept = {**commands, command_id: seen}
    if len(kept) > KEPT_COMMANDS:
        kept.pop(next(iter(kept)))
    return kept
