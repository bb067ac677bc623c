"""Given, when, then for deciders, on pure values: no log, no clock, no server.

```python
given(PromptCreated(...)).when(DeletePrompt(...)).then(PromptDeleted(...), released)
given().when(CommitPrompt(...)).then_refused(PromptMissing, "prompt 5")
given(To(stream, NameClaimed(...))).when(CreatePrompt(...), by="8").then_refused(PromptKeyTaken)
```

A bare event belongs to the command's first stream, ``To(stream, event)`` to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from commands.command import Command, Context, Decider, Refusal, To
from events.event import Event

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
"""The time of every decision in a specification, unless it says ``at``."""
ACTOR = "7"
"""Who decides in a specification, unless it says ``by``."""


def given(*history: Event | To) -> Given:
    """What happened before, oldest first."""
    return Given(history)


@dataclass(frozen=True)
class Given:
    """A history that waits for its command."""

    history: Sequence[Event | To]

    def and_then(self, *more: Event | To) -> Given:
        """The same history with what followed."""
        return Given((*self.history, *more))

    def state(self, decider: Decider[Any, Any]) -> Any:
        """The decider's state after the history; of a ``last_only`` decider, that of each stream's last event."""
        history = list(self.history)
        if decider.last_only:
            last = {(item.stream if isinstance(item, To) else None): item for item in history}
            history = [item for item in history if not _alone(decider, item) or item in last.values()]
        state = decider.initial
        for item in history:
            state = decider.evolve(state, item.event if isinstance(item, To) else item)
        return state

    def when(
        self,
        command: Command,
        decider: Decider[Any, Any] | None = None,
        *,
        at: datetime = NOW,
        by: str = ACTOR,
    ) -> Decision:
        """Decides, with the command's own decider unless another is given."""
        if decider is None:
            from commands import DECIDERS

            decider = DECIDERS[type(command)]
        state = self.state(decider)
        try:
            decided = tuple(decider.decide(state, command, Context(now=at, actor=by)))
        except Refusal as refusal:
            return Decision(self, command, decider, (), refusal)
        first, *others = decider.streams(command, state)
        for item in decided:
            if isinstance(item, To) and item.stream not in (first, *others):
                raise AssertionError(f"{item.stream} is written but not one of the decision's streams")
        unwrapped = tuple(i.event if isinstance(i, To) and i.stream == first else i for i in decided)
        return Decision(self, command, decider, unwrapped, None)


def _alone(decider: Decider[Any, Any], item: Event | To) -> bool:
    """Whether only the last event of the item's stream counts."""
    kinds = decider.last_only
    return kinds if isinstance(kinds, bool) else isinstance(item, To) and item.stream.kind in kinds


@dataclass(frozen=True)
class Decision:
    """What the command led to."""

    given: Given
    command: Command
    decider: Decider[Any, Any]
    events: Sequence[Event | To]
    refusal: Refusal | None

    def then(self, *expected: Event | To) -> Given:
        """Exactly these happened, in this order; the longer history is returned, to go on from."""
        self._not_refused()
        assert list(self.events) == list(expected)
        return self.given.and_then(*self.events)

    def then_happened(self, *types: type[Event]) -> Given:
        """Events of exactly these classes happened, in this order, whatever they hold."""
        self._not_refused()
        assert [type(e.event if isinstance(e, To) else e) for e in self.events] == list(types)
        return self.given.and_then(*self.events)

    def then_nothing_happened(self) -> None:
        """It was so already."""
        self._not_refused()
        assert list(self.events) == []

    def then_refused(self, rule: type[Refusal], naming: str = "") -> None:
        """This rule said no, and its text names what it is about."""
        assert self.refusal is not None, f"not refused: {self.events}"
        assert type(self.refusal) is rule
        assert naming in self.refusal.detail

    def _not_refused(self) -> None:
        if self.refusal is not None:
            raise AssertionError(f"refused: {type(self.refusal).__name__}: {self.refusal.detail}")
