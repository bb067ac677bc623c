"""Webhooks of a space: created and deleted by its owners, seen and tried by its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.webhooks.decide import create as decide_create
from commands.webhooks.messages import CreateWebhook, DeleteWebhook, WebhookMissing
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import RATE_LIMITED, UNAVAILABLE, Module
from cozeloop.api.routing import Api
from cozeloop.api.values import milliseconds
from cozeloop.api.webhooks import models
from cozeloop.api.webhooks.refusals import DELIVERY_MISSING, INVALID_PARAM
from cozeloop.platform import Unknown, Webhooks
from projections.spaces.members import is_owner
from projections.webhooks.webhooks import WEBHOOKS, count_webhooks, get_webhook, list_webhooks

api = Api(Module.FOUNDATION)

PATH = "/v1/platform/webhooks"
TESTS_A_SECOND = 1.0
TESTS_AT_ONCE = 10


@api.post(PATH, models.CreateWebhookRequest, models.CreateWebhookResponse)
async def create(edge: Edge, req: models.CreateWebhookRequest) -> dict[str, Any]:
    """A new webhook; its secret is shown this once."""
    space, port = await edge.enter_space(req.workspace_id), webhooks(edge)
    try:
        port.check(req.url or "")
    except ValueError as error:
        raise ApiError(INVALID_PARAM, f"invalid param,url: {error}") from error
    [webhook_id] = edge.platform.ids.block(1)
    command = CreateWebhook(
        space_id=space,
        webhook_id=webhook_id,
        url=req.url or "",
        types=tuple(req.event_types or ()),
        by_owner=await edge.ask(is_owner, space, edge.user_id),
        existing=await edge.ask(count_webhooks, space),
    )
    decide_create(command)  # refuses before a row is written
    secret = await port.add_secret(webhook_id, space)
    try:
        await edge.issue(command, WEBHOOKS, secret=True)
    except Unknown:
        raise  # it may have happened: the sweep decides by the log
    except Exception:
        await port.remove_secret(webhook_id)
        raise
    created = {
        "webhook_id": webhook_id,
        "workspace_id": space,
        "url": command.url,
        "event_types": list(dict.fromkeys(command.types)),
        "created_by": edge.user_id,
    }
    return {"webhook": created, "secret": secret}


@api.get(PATH, models.ListWebhooksRequest, models.ListWebhooksResponse)
async def list_all(edge: Edge, req: models.ListWebhooksRequest) -> dict[str, Any]:
    """The space's webhooks."""
    space = await edge.enter_space(req.workspace_id)
    return {"webhooks": [shown(row) for row in await edge.ask(list_webhooks, space)]}


@api.delete(f"{PATH}/:webhook_id", models.WebhookRequest, models.DeleteWebhookResponse)
async def delete(edge: Edge, req: models.WebhookRequest) -> dict[str, Any]:
    """Nothing more is posted."""
    space = await entered(edge, req)
    by_owner = await edge.ask(is_owner, space, edge.user_id)
    await edge.issue(DeleteWebhook(space_id=space, webhook_id=req.webhook_id, by_owner=by_owner), WEBHOOKS)
    await webhooks(edge).remove_secret(req.webhook_id)
    return {}


@api.post(f"{PATH}/:webhook_id/test", models.TestWebhookRequest, models.TestWebhookResponse)
async def test(edge: Edge, req: models.TestWebhookRequest) -> dict[str, Any]:
    """One delivery now, and what came of it."""
    space = await entered(edge, req)
    webhook = await found(edge, req)
    limited = Module.FOUNDATION.code(RATE_LIMITED)
    await edge.limit(f"webhook_test:{space}", TESTS_A_SECOND, limited, TESTS_AT_ONCE)
    outcome = await webhooks(edge).test(webhook)
    return {"delivered": not outcome.error, "status": outcome.status, "error": outcome.error}


@api.get(f"{PATH}/:webhook_id/deliveries", models.ListDeliveriesRequest, models.ListDeliveriesResponse)
async def list_deliveries(edge: Edge, req: models.ListDeliveriesRequest) -> dict[str, Any]:
    """What has not arrived: due, or given up."""
    await entered(edge, req)
    await found(edge, req)
    if req.state and req.state not in models.STATES:
        raise ApiError(INVALID_PARAM, f"invalid param,state: is not one of {', '.join(models.STATES)}")
    rows = await webhooks(edge).deliveries(
        req.webhook_id, req.state or "", int(req.after or 0), int(req.page_size or 50)
    )
    return {"deliveries": [delivery(row) for row in rows]}


@api.post(f"{PATH}/:webhook_id/deliveries/:delivery_id/redeliver", models.RedeliverRequest, models.RedeliverResponse)
async def redeliver(edge: Edge, req: models.RedeliverRequest) -> dict[str, Any]:
    """The delivery is due again, with all its attempts."""
    await entered(edge, req)
    await found(edge, req)
    if not await webhooks(edge).redeliver(req.webhook_id, req.delivery_id[:64]):
        raise ApiError(DELIVERY_MISSING, "delivery not found,it has arrived, or never was")
    return {}


def webhooks(edge: Edge) -> Webhooks:
    """The webhooks of this process; refuses where it has none."""
    if edge.platform.webhooks is None:
        raise ApiError(Module.FOUNDATION.code(UNAVAILABLE), "not available now,this process follows no log")
    return edge.platform.webhooks


async def entered(edge: Edge, req: models.WebhookRequest) -> str:
    """The webhook's space."""
    return await edge.enter(
        "webhooks", req.webhook_id, req.workspace_id, missing=lambda: WebhookMissing(f"webhook {req.webhook_id}")
    )


async def found(edge: Edge, req: models.WebhookRequest) -> Mapping[str, Any]:
    """The webhook, unless it was deleted."""
    row = await edge.ask(get_webhook, req.webhook_id)
    if row is None:
        raise WebhookMissing(f"webhook {req.webhook_id}")
    return row


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook as its members see it."""
    return {
        "webhook_id": row["webhook_id"],
        "workspace_id": row["space_id"],
        "url": row["url"],
        "event_types": list(row["types"]),
        "created_by": row["created_by"],
        "created_at": milliseconds(row["created_at"]),
    }


def delivery(row: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery that has not arrived."""
    return {
        "delivery_id": row["delivery_id"],
        "position": str(row["position"]),
        "event_type": row["type"],
        "state": row["state"],
        "attempts": row["attempts"],
        "status": row["status"],
        "error": row["error"],
        "next_at": milliseconds(row["next_at"]) if row["state"] == "due" else "0",
        "created_at": milliseconds(row["created_at"]),
    }
