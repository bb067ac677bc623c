"""Why a request with spans is refused as a whole."""

from __future__ import annotations

from commands.command import Refusal


class SpanUnreadable(Refusal):
    """A field has another type than the contract's."""


class SpansInvalid(Refusal):
    """No span, too many, or spans of several workspaces."""
