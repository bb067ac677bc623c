"""What a webhook's commands lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from commands.command import Context
from commands.webhooks.messages import (
    CreateWebhook,
    DeleteWebhook,
    EventTypeUnknown,
    TooManyWebhooks,
    WebhookMissing,
    WebhookNotByOwner,
)
from commands.webhooks.webhook import Webhook, WebhookCommand
from events import EVENTS
from events.event import Event
from events.webhooks import WebhookCreated, WebhookDeleted

MOST_IN_A_SPACE = 20


def decide(state: Webhook, command: WebhookCommand, context: Context) -> Sequence[Event]:
    """Facts of the webhook's own stream."""
    match command:
        case CreateWebhook():
            return create(command)
        case DeleteWebhook():
            return delete(state, command)
        case _:
            assert_never(command)


def create(command: CreateWebhook) -> Sequence[Event]:
    """A webhook; what is named twice is told once."""
    if not command.by_owner:
        raise WebhookNotByOwner("only an owner of the workspace creates webhooks")
    for name in command.types:
        if name not in EVENTS:
            raise EventTypeUnknown(f"event_types: no event is called {name[:100]!r}")
    if command.existing >= MOST_IN_A_SPACE:
        raise TooManyWebhooks(f"a workspace has {MOST_IN_A_SPACE} webhooks at most")
    types = tuple(dict.fromkeys(command.types))
    return (WebhookCreated(webhook_id=command.webhook_id, url=command.url, types=types),)


def delete(state: Webhook, command: DeleteWebhook) -> Sequence[Event]:
    """The end of the webhook."""
    if not state.created or state.deleted:
        raise WebhookMissing(f"webhook {command.webhook_id}")
    if not command.by_owner:
        raise WebhookNotByOwner("only an owner of the workspace deletes webhooks")
    return (WebhookDeleted(webhook_id=command.webhook_id),)
