"""Codes for what a webhook's rules refuse."""

from __future__ import annotations

from commands.command import Refusal
from commands.webhooks.messages import EventTypeUnknown, TooManyWebhooks, WebhookMissing, WebhookNotByOwner

NO_PERMISSION = 602000101
INVALID_PARAM = 602000202
MISSING = 602007001
TOO_MANY = 602007002
DELIVERY_MISSING = 602007003

CODES: dict[type[Refusal], tuple[int, str]] = {
    WebhookMissing: (MISSING, "webhook not found"),
    WebhookNotByOwner: (NO_PERMISSION, "no permission"),
    EventTypeUnknown: (INVALID_PARAM, "invalid param"),
    TooManyWebhooks: (TOO_MANY, "too many webhooks"),
}
"""Refusal -> code and base message."""
