"""A webhook as its decisions need it: whether it is there."""

from __future__ import annotations

from dataclasses import dataclass

from commands.webhooks.messages import CreateWebhook, DeleteWebhook
from events.event import Event, Stream
from events.webhooks import WebhookCreated, WebhookDeleted

WebhookCommand = CreateWebhook | DeleteWebhook


@dataclass(frozen=True)
class Webhook:
    """Whether it was created, and deleted since."""

    created: bool = False
    deleted: bool = False


UNBORN = Webhook()


def streams(command: WebhookCommand, state: Webhook) -> tuple[Stream, ...]:
    """The webhook's own."""
    return (Stream(command.space_id, "webhooks", command.webhook_id),)


def evolve(state: Webhook, event: Event) -> Webhook:
    """Folds a webhook's history."""
    match event:
        case WebhookCreated():
            return Webhook(created=True)
        case WebhookDeleted():
            return Webhook(created=True, deleted=True)
        case _:
            return state
