"""What is asked of webhooks and answered. The names are ours."""

from __future__ import annotations

from typing import Annotated, ClassVar

from cozeloop.api.scalars import I32, I64, Bool, Vt, WireModel, words

MOST_TYPES = 100
STATES = ("due", "undelivered")
STATE = words("state", *STATES)


class Webhook(WireModel):
    """A webhook. Times in milliseconds since 1970."""

    webhook_id: str | None = None
    workspace_id: str | None = None
    url: str | None = None
    event_types: list[str] | None = None
    created_by: str | None = None
    created_at: str | None = None


class Delivery(WireModel):
    """A delivery that has not arrived. ``status`` 0: nobody answered. Times in milliseconds since 1970."""

    delivery_id: str | None = None
    position: str | None = None
    event_type: str | None = None
    state: STATE | None = None
    attempts: I32 | None = None
    status: I32 | None = None
    error: str | None = None
    next_at: str | None = None
    created_at: str | None = None


class CreateWebhookRequest(WireModel):
    """Where to post what; no types = all."""

    workspace_id: I64 | None = None
    url: Annotated[str | None, Vt(not_nil=True, min_size=1, max_size=2048)] = None
    event_types: Annotated[list[str] | None, Vt(max_size=MOST_TYPES)] = None


class CreateWebhookResponse(WireModel):
    """The webhook, and its secret this once."""

    webhook: Webhook | None = None
    secret: str | None = None


class ListWebhooksRequest(WireModel):
    """Of which space."""

    workspace_id: I64 | None = None


class ListWebhooksResponse(WireModel):
    """Oldest first."""

    webhooks: list[Webhook] | None = None


class WebhookRequest(WireModel):
    """Which webhook."""

    PLACES: ClassVar[dict[str, str]] = {"webhook_id": "path"}
    webhook_id: I64
    workspace_id: I64 | None = None


class DeleteWebhookResponse(WireModel):
    """Nothing."""


class TestWebhookRequest(WebhookRequest):
    """Which webhook is tried."""


class TestWebhookResponse(WireModel):
    """What came of one delivery."""

    delivered: Bool | None = None
    status: I32 | None = None
    error: str | None = None


class ListDeliveriesRequest(WebhookRequest):
    """Which of its deliveries; ``after`` is the position of the last one seen."""

    state: STATE | None = None
    after: Annotated[I64 | None, Vt(ge=0)] = None
    page_size: Annotated[I32 | None, Vt(gt=0, le=200)] = None


class ListDeliveriesResponse(WireModel):
    """In the order of the log."""

    deliveries: list[Delivery] | None = None


class RedeliverRequest(WebhookRequest):
    """Which delivery is tried again."""

    PLACES: ClassVar[dict[str, str]] = {"webhook_id": "path", "delivery_id": "path"}
    delivery_id: str


class RedeliverResponse(WireModel):
    """Nothing."""
