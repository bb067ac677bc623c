"""One table from what was refused to the contract's code and text.

Each ``cozeloop/api/<capability>/refusals.py`` exports ``CODES``; this is their union, with what the write side itself
refuses. An error that stands in no row is a defect: it is logged whole and answered without its text.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from functools import cache

from sqlalchemy.exc import OperationalError

import cozeloop.api
from commands.command import Refusal
from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import DUPLICATED, INTERNAL, NO_PERMISSION, TIMEOUT, UNAVAILABLE, UNREGISTERED, Module
from cozeloop.handling import CommandReused, Contended
from cozeloop.platform import (
    Damaged,
    KeyDestroyed,
    LogUnavailable,
    LossNoticed,
    NoRoom,
    ObjectsUnavailable,
    Unknown,
    UnknownEvent,
)

INTERNAL_ERROR = "Service Internal Error"

FAILURES: Mapping[type[Exception], tuple[int, str]] = {
    Unknown: (TIMEOUT, "timeout: whether it was stored is not known yet; send it again with the same Idempotency-Key"),
    LossNoticed: (UNAVAILABLE, "not available now, nothing was stored"),
    NoRoom: (UNAVAILABLE, "not available now, nothing was stored"),
    LogUnavailable: (UNAVAILABLE, "not available now, nothing was stored"),
    ObjectsUnavailable: (UNAVAILABLE, "not available now: the object store does not take or give the file"),
    OperationalError: (UNAVAILABLE, "a database is not available now; try again"),
    ConnectionError: (UNAVAILABLE, "a database is not available now; try again"),
    Contended: (INTERNAL, "others kept changing the same thing, nothing was stored; send it again"),
    UnknownEvent: (INTERNAL, "written by a newer version of this software"),
    KeyDestroyed: (NO_PERMISSION, "no permission,this workspace was erased: its key has been destroyed"),
    Damaged: (INTERNAL, "the event log is damaged here; run: cozeloop verify"),
}
"""What the log may answer -> class of the module's code, and the text. Neither is a decision."""


def packages(module: str) -> list[str]:
    """The capabilities that have a module of this name, such as ``routes``."""
    found = [i.name for i in pkgutil.iter_modules(cozeloop.api.__path__, "cozeloop.api.") if i.ispkg]
    return [f"{name}.{module}" for name in sorted(found) if importlib.util.find_spec(f"{name}.{module}")]


@cache
def codes() -> Mapping[type[Refusal], tuple[int, str]]:
    """Every refusal with its code and base text; a refusal in two tables is a defect."""
    found: dict[type[Refusal], tuple[int, str]] = {}
    for name in packages("refusals"):
        table = importlib.import_module(name).CODES
        if twice := found.keys() & table.keys():
            raise TypeError(f"{name} maps {sorted(r.__name__ for r in twice)} a second time")
        found.update(table)
    return found


def answer_of(error: Exception, module: Module) -> ApiError | None:
    """The error as the contract says it, for a request of this module; None for an error that nobody foresaw."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, CommandReused):
        return ApiError(module.code(DUPLICATED), with_detail("duplicated", error.detail))
    if isinstance(error, Refusal):
        row = next((codes()[c] for c in type(error).__mro__ if c in codes()), None)
        return ApiError(row[0], with_detail(row[1], error.detail)) if row else None
    for kind, (class_, text) in FAILURES.items():
        if isinstance(error, kind):
            detail = str(error) if kind in (LossNoticed, NoRoom) else ""
            return ApiError(module.code(class_), with_detail(text, detail))
    return None


def internal_error(log_id: str) -> ApiError:
    """The answer to a defect: nothing of it but where to look it up."""
    return ApiError(UNREGISTERED, f"{INTERNAL_ERROR}, log id {log_id}")


def with_detail(base: str, detail: str) -> str:
    """The base text, then the extra one after a comma (behaviour.md §1.2)."""
    return f"{base},{detail}" if detail else base
