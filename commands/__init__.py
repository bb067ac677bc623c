"""What can be asked for: command -> decider, over every capability.

Each package ``commands/<capability>`` exports ``DECIDERS``; this table is their union.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider


def _collect() -> dict[type[Command], Decider[Any, Any]]:
    found: dict[type[Command], Decider[Any, Any]] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.ispkg:
            found.update(importlib.import_module(f"commands.{info.name}").DECIDERS)
    return found


DECIDERS: Mapping[type[Command], Decider[Any, Any]] = _collect()
"""Every command with the decider that answers it."""

__all__ = ["DECIDERS"]
