"""Which webhooks there are."""

from __future__ import annotations

from events.event import Erased, Stream
from events.spaces import MemberAdded, SpaceKeyDestroyed
from events.webhooks import WebhookCreated, WebhookDeleted
from projections.spaces.members import MEMBERS, is_owner
from projections.webhooks.webhooks import (
    WEBHOOKS,
    all_webhooks,
    count_webhooks,
    get_webhook,
    known_webhooks,
    list_webhooks,
)
from tests.projected import Projected

SPACE = Stream("_", "spaces", "7")


def hooked(*ids: str) -> Projected:
    world = Projected(WEBHOOKS, MEMBERS)
    for id in ids:
        created = WebhookCreated(webhook_id=id, url=f"https://example.org/{id}", types=("PromptCommitted",))
        world = world.happened(Stream("7", "webhooks", id), created, actor="1")
    return world


def test_a_space_has_the_webhooks_that_were_created_and_not_deleted_in_it() -> None:
    world = hooked("5", "6").happened(Stream("7", "webhooks", "5"), WebhookDeleted(webhook_id="5"))
    assert [w["webhook_id"] for w in world.query(list_webhooks, "7")] == ["6"]
    assert (world.query(count_webhooks, "7"), world.query(count_webhooks, "8")) == (1, 0)
    assert [w["position"] for w in world.query(all_webhooks)] == [2]
    assert world.query(get_webhook, "5") is None
    assert world.query(known_webhooks, ["5", "6", "9"]) == {"6"}


def test_a_webhook_is_shown_with_its_address_and_types() -> None:
    found = hooked("5").query(get_webhook, "5")
    assert found is not None
    assert (found["url"], found["types"], found["created_by"]) == ("https://example.org/5", ("PromptCommitted",), "1")


def test_an_erased_space_has_no_webhooks() -> None:
    world = hooked("5").happened(SPACE, SpaceKeyDestroyed(space_id="7"))
    assert world.query(list_webhooks, "7") == []


def test_an_address_that_cannot_be_opened_any_more_is_empty() -> None:
    erased = WebhookCreated(webhook_id="5", url=Erased(), types=())
    Projected(WEBHOOKS).happened(Stream("7", "webhooks", "5"), erased).then_rows({"webhook_id": "5", "url": ""})


def test_an_owner_is_a_member_with_that_role() -> None:
    world = Projected(MEMBERS).happened(SPACE, MemberAdded(space_id="7", user_id="1", role="owner"))
    world = world.happened(SPACE, MemberAdded(space_id="7", user_id="2", role="member"))
    assert [world.query(is_owner, "7", u) for u in ("1", "2", "3")] == [True, False, False]
