"""The contract's codes for what is refused of traces (behaviour.md §7.15)."""

from __future__ import annotations

from commands.command import Refusal
from commands.traces.refusals import SpansInvalid, SpanUnreadable
from cozeloop.api.modules import UNREADABLE

INVALID = 600904002
NOT_IN_SPACE = 600903203
TOO_SLOW = 600903209

CODES: dict[type[Refusal], tuple[int, str]] = {
    SpansInvalid: (INVALID, "invalid parameter"),
    SpanUnreadable: (UNREADABLE, "bad request"),
}
