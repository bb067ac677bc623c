"""Spans: checked once and made into rows of the trace table. They never pass load, decide and append."""

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.traces.normalise import Normalised, Rejected, normalise
from commands.traces.refusals import SpansInvalid, SpanUnreadable

__all__ = ["DECIDERS", "Normalised", "Rejected", "SpanUnreadable", "SpansInvalid", "normalise"]

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {}
"""None: a span decides nothing."""
