"""What happened: wire name -> event class, over every capability."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from events.event import Event


def _collect() -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name == "event":
            continue
        module = importlib.import_module(f"events.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Event) and value.__module__ == module.__name__:
                if value.__name__ in found:
                    raise TypeError(f"two events are called {value.__name__}")
                found[value.__name__] = value
    return found


EVENTS: Mapping[str, type[Event]] = _collect()
"""Every event of the log by its wire name."""

__all__ = ["EVENTS", "Event"]
