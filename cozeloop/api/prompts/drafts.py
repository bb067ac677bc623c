"""A user's draft of a prompt: working state beside the log, and what it looks like in the contract.

A draft is live until its owner commits it: the commit names the revision that it took, and what stands at or below
is settled. Nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cozeloop.platform import Draft, Drafts

Json = dict[str, Any]
CAPABILITY = "prompts"


@dataclass(frozen=True)
class Whose:
    """Which draft is meant, and the revision up to which its owner has committed."""

    space: str
    prompt_id: str
    user_id: str
    settled: int = 0


async def live(drafts: Drafts, whose: Whose) -> Draft | None:
    """The draft, None when there is none that is not committed."""
    draft = await drafts.load(whose.space, CAPABILITY, whose.prompt_id, whose.user_id)
    return draft if draft is not None and draft.revision > whose.settled else None


async def write(
    drafts: Drafts, whose: Whose, detail: Json, base_version: str, base: Json | None, now_ms: int
) -> Draft | None:
    """Saves a detail as the draft; None when it is what the draft holds already.

    A new draft counts as modified; a later one does when it differs from the ``base`` version's detail, if any.
    """
    found = await live(drafts, whose)
    if found is not None and found.content["detail"] == detail:
        return None
    content = {
        "detail": detail,
        "base_version": base_version,
        "is_modified": found is None or base is None or detail != base,
        "created_at": found.content["created_at"] if found else now_ms,
        "settled": whose.settled,
    }
    return await drafts.save(whose.space, CAPABILITY, whose.prompt_id, content, whose.user_id)


def info(draft: Draft, user_id: str) -> Json:
    """The contract's ``draft_info``."""
    return {
        "user_id": user_id,
        "base_version": draft.content["base_version"],
        "is_modified": draft.content["is_modified"],
        "created_at": str(draft.content["created_at"]),
        "updated_at": str(int(draft.saved_at.timestamp() * 1000)),
    }


def shown(draft: Draft, user_id: str) -> Mapping[str, Any]:
    """The contract's ``prompt_draft``."""
    return {"detail": draft.content["detail"], "draft_info": info(draft, user_id)}
