"""What is due to webhooks when something happens: durable with the position, found out once, never for the past."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest

from cozeloop.subscribers.webhooks import (
    MOST_SUBJECTS,
    SAVED_EVERY,
    Due,
    Hook,
    WebhookEvents,
    delivery_id,
    due_of,
    signed,
    subjects_of,
)
from events import EVENTS
from events.event import Recorded, Stream
from events.prompts import PromptDeleted
from events.spaces import MemberAdded
from events.webhooks import WebhookCreated, WebhookDeleted
from projections.webhooks.webhooks import WEBHOOKS
from tests.projected import History, Projected

PROMPT = Stream("7", "prompts", "100")
DELETED = PromptDeleted(prompt_id="100")


def hook(id: str = "5", space: str = "7", position: int = 0, *types: str) -> Hook:
    return Hook(id, space, position, frozenset(types))


def recorded(stream: Stream = PROMPT, event: Any = DELETED) -> Recorded[Any]:
    return History().happened(stream, event)[0]


@pytest.mark.parametrize(
    ("hooks", "due_to"),
    [
        ([hook()], ["5"]),
        ([hook("5"), hook("6")], ["5", "6"]),
        ([hook("5", "8")], []),
        ([hook("5", "7", 1)], []),
        ([hook("5", "7", 0, "PromptDeleted", "PromptCreated")], ["5"]),
        ([hook("5", "7", 0, "PromptCreated")], []),
    ],
)
def test_an_event_is_due_to_older_webhooks_of_its_space_that_asked_for_it(hooks: list[Hook], due_to: list[str]) -> None:
    assert [d.hook for d in due_of(recorded(), hooks)] == due_to


def test_what_happens_to_webhooks_is_due_to_none() -> None:
    event = recorded(Stream("7", "webhooks", "6"), WebhookDeleted(webhook_id="6"))
    assert due_of(event, [hook()]) == []


def test_a_delivery_has_the_same_id_whenever_it_is_found_out() -> None:
    [first], [again] = due_of(recorded(), [hook()]), due_of(recorded(), [hook()])
    assert first == again
    assert first.id == delivery_id("5", recorded().id) != delivery_id("6", recorded().id)


def test_only_subjects_that_may_hold_what_is_asked_for_are_listened_to() -> None:
    assert subjects_of([]) == ["events.*.webhooks.>"]
    narrow = subjects_of([hook("5", "7", 0, "PromptCreated", "PromptDeleted"), hook("6", "8", 0, "TokenCreated")])
    assert narrow == ["events.*.webhooks.>", "events.7.prompts.>", "events.8.tokens.>"]
    wide = subjects_of([hook()])
    said = {cls.__module__.rpartition(".")[2] for cls in EVENTS.values()} - {"webhooks"}
    assert wide[1:] == sorted(f"events.7.{c}.>" for c in said)
    assert subjects_of([hook("5", "7", 0, "OfAnotherRelease")]) == wide
    assert subjects_of([hook(str(n), str(n)) for n in range(MOST_SUBJECTS)]) == ["events.>"]


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example that its libraries are tested with."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


class World:
    """Follows a history; ``saved`` is what became durable, in order."""

    def __init__(self, projected: Projected | None = None) -> None:
        self.saved: list[tuple[int, list[str]]] = []
        self.fail = False
        self.shown: list[int] = []
        self.changes = 0
        self._projected = projected or Projected(WEBHOOKS)
        self.events = WebhookEvents(self, self._show, self._save, self._changed)  # type: ignore[arg-type]

    async def read(self, query: Any) -> Any:
        return self._projected.query(query)

    async def _show(self, position: int) -> None:
        self.shown.append(position)

    async def _save(self, position: int, due: Sequence[Due]) -> None:
        if self.fail:
            raise OSError("disk full")
        self.saved.append((position, [d.hook for d in due]))

    def _changed(self) -> None:
        self.changes += 1


def created() -> Projected:
    event = WebhookCreated(webhook_id="5", url="https://example.org", types=())
    return Projected(WEBHOOKS).happened(Stream("7", "webhooks", "5"), event)


def history(count: int) -> list[Recorded[Any]]:
    made = History()
    made.happened(Stream("7", "webhooks", "5"), WebhookCreated(webhook_id="5", url="https://example.org", types=()))
    for _ in range(count):
        made.happened(PROMPT, DELETED)
    return made.recorded


async def test_what_is_due_is_saved_with_its_position_and_an_event_that_comes_again_is_not() -> None:
    world = World(created())
    await world.events.begin(1)
    for event in [*history(2), *history(2)]:
        await world.events.follow(event)
    assert world.saved == [(2, ["5"]), (3, ["5"])]


async def test_what_could_not_be_saved_comes_again() -> None:
    world = World(created())
    await world.events.begin(1)
    event = history(1)[1]
    world.fail = True
    with pytest.raises(OSError, match="disk full"):
        await world.events.follow(event)
    world.fail = False
    await world.events.follow(event)
    assert world.saved == [(2, ["5"])]


async def test_a_new_webhook_is_known_before_what_follows_it() -> None:
    world = World(created())
    assert world.events.hooks == ()
    await world.events.follow(history(0)[0])
    assert world.shown == [1], "the read model was waited for"
    assert [h.id for h in world.events.hooks] == ["5"]
    assert (world.saved, world.changes) == ([(1, [])], 1)


async def test_a_position_is_saved_now_and_then_also_when_nothing_is_due() -> None:
    world = World()
    await world.events.begin(0)
    made = History()
    for _ in range(SAVED_EVERY + 1):
        made.happened(Stream("_", "spaces", "7"), MemberAdded(space_id="7", user_id="1", role="owner"))
    for event in made.recorded:
        await world.events.follow(event)
    assert world.saved == [(SAVED_EVERY, [])]
