"""The read side: every read model of the relational database.

Each package ``projections/<capability>`` exports ``READ_MODELS``; this tuple is their union.
"""

from __future__ import annotations

import importlib
import pkgutil

from projections.projector import ReadModel


def _collect() -> tuple[ReadModel, ...]:
    found: list[ReadModel] = []
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        if info.ispkg:
            found.extend(importlib.import_module(f"projections.{info.name}").READ_MODELS)
    return tuple(found)


READ_MODELS: tuple[ReadModel, ...] = _collect()
"""Every read model, in a stable order."""

__all__ = ["READ_MODELS"]
