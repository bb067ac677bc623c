"""A log of one space in plain values, one command after the other. For random histories of commands.

```python
space = OneSpace({CreatePrompt: "prompt_id"})
for command in commands:
    space.ask(command)
assert space.holders() == {...}
```
"""

from __future__ import annotations

from collections.abc import Mapping

from commands import DECIDERS
from commands.command import Command, Context, Refusal, To
from events.event import Event, Stream
from events.reservations import NameClaimed, NameReleased
from tests.specification import ACTOR, NOW


class OneSpace:
    """What commands decided. ``new_ids`` names the fields whose ids are used once alone, as the edge sees to it."""

    def __init__(self, new_ids: Mapping[type[Command], str]) -> None:
        self.log: list[tuple[Stream, Event]] = []
        self._new_ids = new_ids
        self._used: set[str] = set()

    def ask(self, command: Command, by: str = ACTOR) -> None:
        """Appends what the command decides; a refused one, or one with a used id, changes nothing."""
        if type(command) in self._new_ids:
            id = getattr(command, self._new_ids[type(command)])
            if id in self._used:
                return
            self._used.add(id)
        decider = DECIDERS[type(command)]
        streams: tuple[Stream, ...] = ()
        state = decider.initial
        while set(decider.streams(command, state)) - set(streams):
            streams = tuple(decider.streams(command, state))
            state = decider.initial
            for event in (event for stream in streams for at, event in self.log if at == stream):
                state = decider.evolve(state, event)
        try:
            decided = decider.decide(state, command, Context(now=NOW, actor=by))
        except Refusal:
            return
        self.log += [(item.stream, item.event) if isinstance(item, To) else (streams[0], item) for item in decided]

    def of(self, *types: type[Event]) -> list[Event]:
        """The events of these classes."""
        return [event for _, event in self.log if isinstance(event, types)]

    def holders(self) -> dict[str, str]:
        """Who holds each reserved name; fails where one was claimed while held, or released by another."""
        holder: dict[str, str] = {}
        for event in self.of(NameClaimed, NameReleased):
            match event:
                case NameClaimed():
                    assert event.reservation not in holder
                    holder[event.reservation] = event.owner
                case NameReleased():
                    assert holder.pop(event.reservation) == event.owner
        return holder
