"""Webhooks: created and deleted by an owner of their space."""

from __future__ import annotations

from typing import Any

import pytest

from commands.command import Refusal
from commands.webhooks.decide import MOST_IN_A_SPACE
from commands.webhooks.messages import (
    CreateWebhook,
    DeleteWebhook,
    EventTypeUnknown,
    TooManyWebhooks,
    WebhookMissing,
    WebhookNotByOwner,
)
from events.webhooks import WebhookCreated, WebhookDeleted
from tests.specification import given

URL = "https://example.org/hook"
CREATED = WebhookCreated(webhook_id="5", url=URL, types=("PromptCommitted",))
DELETED = WebhookDeleted(webhook_id="5")


def create(**changed: Any) -> CreateWebhook:
    said: dict[str, Any] = {"types": ("PromptCommitted",), "by_owner": True, "existing": 0, **changed}
    return CreateWebhook(space_id="7", webhook_id="5", url=URL, **said)


def delete(by_owner: bool = True) -> DeleteWebhook:
    return DeleteWebhook(space_id="7", webhook_id="5", by_owner=by_owner)


def test_an_owner_creates_a_webhook() -> None:
    given().when(create()).then(CREATED)


def test_a_type_that_is_named_twice_is_told_once() -> None:
    given().when(create(types=("PromptCommitted", "PromptCommitted"))).then(CREATED)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"by_owner": False}, WebhookNotByOwner),
        ({"types": ("PromptCommitted", "Rumour")}, EventTypeUnknown),
        ({"existing": MOST_IN_A_SPACE}, TooManyWebhooks),
    ],
)
def test_a_webhook_that_may_not_be_is_refused(changed: dict[str, Any], refusal: type[Refusal]) -> None:
    given().when(create(**changed)).then_refused(refusal)


def test_an_owner_deletes_a_webhook() -> None:
    given(CREATED).when(delete()).then(DELETED)


def test_nobody_else_does() -> None:
    given(CREATED).when(delete(by_owner=False)).then_refused(WebhookNotByOwner)


def test_what_never_was_or_was_deleted_is_not_deleted() -> None:
    given().when(delete()).then_refused(WebhookMissing)
    given(CREATED, DELETED).when(delete()).then_refused(WebhookMissing)
