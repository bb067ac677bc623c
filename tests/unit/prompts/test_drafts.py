"""A user's draft: when it is written, when it counts as modified, and when it is settled."""

from __future__ import annotations

from datetime import UTC, datetime

from cozeloop.api.prompts.drafts import Whose, info, live, write
from cozeloop.platform import Draft


class Revisions:
    """Drafts in memory, numbered over all of them as the log's stream does."""

    def __init__(self) -> None:
        self.saved: dict[tuple[str, ...], Draft] = {}

    async def load(self, space, capability, id, user=""):
        return self.saved.get((space, capability, id, user))

    async def save(self, space, capability, id, content, user="", expected=None):
        revision = 1 + max((d.revision for d in self.saved.values()), default=0)
        draft = Draft(revision, content, datetime(2025, 1, 1, tzinfo=UTC))
        self.saved[space, capability, id, user] = draft
        return draft


MINE = Whose("70", "100", "7")
ONE, TWO = {"n": 1}, {"n": 2}


async def test_a_first_draft_counts_as_modified_even_when_it_equals_its_base():
    drafts = Revisions()
    saved = await write(drafts, MINE, ONE, "0.0.1", ONE, 5)
    assert info(saved, "7") == {
        "user_id": "7",
        "base_version": "0.0.1",
        "is_modified": True,
        "created_at": "5",
        "updated_at": "1735689600000",
    }


async def test_saving_what_the_draft_holds_writes_nothing():
    drafts = Revisions()
    await write(drafts, MINE, ONE, "", None, 5)
    assert await write(drafts, MINE, ONE, "", None, 6) is None


async def test_a_later_draft_is_modified_while_it_differs_from_its_base():
    drafts = Revisions()
    await write(drafts, MINE, ONE, "0.0.1", ONE, 5)
    assert (await write(drafts, MINE, TWO, "0.0.1", ONE, 6)).content["is_modified"] is True
    back = await write(drafts, MINE, ONE, "0.0.1", ONE, 7)
    assert back.content["is_modified"] is False
    assert back.content["created_at"] == 5


async def test_a_draft_without_base_is_always_modified():
    drafts = Revisions()
    await write(drafts, MINE, ONE, "", None, 5)
    assert (await write(drafts, MINE, TWO, "", None, 6)).content["is_modified"] is True


async def test_a_committed_draft_is_settled_and_the_same_text_makes_a_new_one():
    drafts = Revisions()
    saved = await write(drafts, MINE, ONE, "", None, 5)
    committed = Whose("70", "100", "7", settled=saved.revision)
    assert await live(drafts, committed) is None
    again = await write(drafts, committed, ONE, "0.0.1", ONE, 6)
    assert again.revision > saved.revision
    assert again.content["created_at"] == 6


async def test_a_draft_belongs_to_its_user():
    drafts = Revisions()
    await write(drafts, MINE, ONE, "", None, 5)
    assert await live(drafts, Whose("70", "100", "8")) is None
