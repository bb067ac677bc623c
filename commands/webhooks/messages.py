"""What can be asked of webhooks, and the rules that may say no."""

from __future__ import annotations

from commands.command import Command, Refusal


class CreateWebhook(Command):
    """Posts the space's events of ``types`` (wire names, none = all) to ``url`` from now on.

    ``by_owner``: whether the caller owns the space. ``existing``: how many webhooks it has.
    """

    space_id: str
    webhook_id: str
    url: str
    types: tuple[str, ...]
    by_owner: bool
    existing: int


class DeleteWebhook(Command):
    """Posts nothing more."""

    space_id: str
    webhook_id: str
    by_owner: bool


class WebhookMissing(Refusal):
    """There is no such webhook, or it was deleted."""


class WebhookNotByOwner(Refusal):
    """Only an owner of the space decides who is told what happens in it."""


class EventTypeUnknown(Refusal):
    """No event has this name."""


class TooManyWebhooks(Refusal):
    """The space has as many as it may have."""
