"""What happens to webhooks: a space tells somebody outside what happens in it, until it is told not to.

Secrets lie in the vault. Deliveries are working state and no events.
"""

from __future__ import annotations

from events.event import Event, Sealed


class WebhookCreated(Event):
    """Events that follow this one in the space are posted to ``url``; ``types`` are wire names, none = all."""

    webhook_id: str
    url: Sealed[str]
    types: tuple[str, ...]


class WebhookDeleted(Event):
    """Nothing more is posted, not even what was due."""

    webhook_id: str
