"""Evaluators as answers show them: rows, drafts and people put together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from cozeloop.api.edge import Edge
from cozeloop.api.evaluators import translate
from cozeloop.api.people import base_info_users
from cozeloop.platform import Draft
from projections.evaluators.evaluator_versions import get_evaluator_versions, list_evaluator_versions
from projections.evaluators.evaluators import EvaluatorFilter, get_evaluators, list_evaluators

CAPABILITY = "evaluators"


async def draft_of(edge: Edge, row: Mapping[str, Any]) -> Draft | None:
    """The space's draft of an evaluator."""
    return await edge.platform.drafts.load(row["space_id"], CAPABILITY, row["evaluator_id"])


async def one(edge: Edge, row: Mapping[str, Any], draft: Draft | None = None) -> dict[str, Any]:
    """An evaluator with its draft, or with its latest version when no draft is left."""
    draft = draft or await draft_of(edge, row)
    users = await base_info_users(edge, people_of([row]))
    if draft is not None:
        return translate.evaluator(row, users, draft, translate.draft_version(draft))
    latest = await edge.ask(get_evaluator_versions, [row["latest_version_id"]])
    return translate.evaluator(row, users, None, translate.version(latest[0], users) if latest else None)


async def shown(edge: Edge, rows: Sequence[Mapping[str, Any]], content: bool = False) -> list[dict[str, Any]]:
    """Evaluators as a list shows them; with content, each draft stands in the place of the current version."""
    drafts = await asyncio.gather(*(draft_of(edge, row) for row in rows))
    users = await base_info_users(edge, people_of(rows))
    return [
        translate.evaluator(row, users, draft, translate.draft_version(draft) if content and draft else None)
        for row, draft in zip(rows, drafts, strict=True)
    ]


async def with_versions(
    edge: Edge, wanted: EvaluatorFilter, order: list[tuple[str, bool]], page: int, size: int
) -> dict[str, Any]:
    """Every version of the evaluators as a row of its own; the total is the number of rows."""
    rows, _ = await edge.ask(list_evaluators, wanted, order, page, size)
    users = await base_info_users(edge, people_of(rows))
    drafts = await asyncio.gather(*(draft_of(edge, row) for row in rows))
    stand, _ = await edge.ask(list_evaluator_versions, [r["evaluator_id"] for r in rows], (), False, 1, 0)
    flat = [
        translate.evaluator(row, users, draft, translate.version(v, users))
        for row, draft in zip(rows, drafts, strict=True)
        for v in stand
        if v["evaluator_id"] == row["evaluator_id"]
    ]
    return {"evaluators": flat, "total": str(len(flat))}


async def versioned(edge: Edge, space: str, ids: Sequence[str], include_deleted: bool) -> list[dict[str, Any]]:
    """Those of the versions that the space has, each as the current version of its evaluator."""
    stand = [v for v in await edge.ask(get_evaluator_versions, ids) if v["space_id"] == space]
    rows = await edge.ask(get_evaluators, [v["evaluator_id"] for v in stand], include_deleted)
    around = {r["evaluator_id"]: r for r in rows}
    drafts = dict(zip(around, await asyncio.gather(*(draft_of(edge, r) for r in rows)), strict=True))
    users = await base_info_users(edge, [*people_of(rows), *(v["created_by"] for v in stand)])
    return [
        translate.evaluator(around[v["evaluator_id"]], users, drafts[v["evaluator_id"]], translate.version(v, users))
        for v in stand
        if v["evaluator_id"] in around
    ]


def people_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The users that the rows name."""
    return [row[c] for row in rows for c in ("created_by", "updated_by")]
