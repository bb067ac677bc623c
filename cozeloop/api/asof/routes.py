"""``/v1/platform/as-of/<contract path>?position=…|time=…``: single-object reads as they were, by today's handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import AwareDatetime, create_model

from commands.prompts.prompt import KEY as PROMPT_KEY
from cozeloop.api.asof.edge import PastEdge
from cozeloop.api.datasets import items, versions
from cozeloop.api.datasets import routes as datasets
from cozeloop.api.edge import ApiError, Edge, position_of
from cozeloop.api.evaluators import routes as evaluators
from cozeloop.api.experiments import routes as experiments
from cozeloop.api.modules import INVALID_PARAM, UNAVAILABLE, Module
from cozeloop.api.prompts import routes as prompts
from cozeloop.api.routing import Api, Declared
from cozeloop.api.scalars import WireModel
from cozeloop.platform import Past, TooMuchToRecall
from projections.evaluators.evaluator_versions import get_evaluator_versions

PREFIX = "/v1/platform/as-of"
MOST_OBJECTS = 200
Names = Sequence[tuple[str, str]]
"""Capability and id of each object that an answer shows."""
Shows = Callable[[Edge, Any, int], Awaitable[Names]]
"""Which objects a request asks for, as of a position."""

api = Api(Module.FOUNDATION)


def one(capability: str, field: str) -> Shows:
    """The object that a field names."""

    async def shows(edge: Edge, req: Any, until: int) -> Names:
        return [(capability, getattr(req, field) or "")]

    return shows


def several(capability: str, field: str) -> Shows:
    """The objects that a list names."""

    async def shows(edge: Edge, req: Any, until: int) -> Names:
        return [(capability, id) for id in getattr(req, field) or ()]

    return shows


async def of_evaluator_version(edge: Edge, req: Any, until: int) -> Names:
    """The evaluator that a version belongs to, which never changes."""
    rows = await edge.ask(get_evaluator_versions, [req.evaluator_version_id or ""])
    return [("evaluators", row["evaluator_id"]) for row in rows]


async def of_keys(edge: Edge, req: Any, until: int) -> Names:
    """The prompts that had the keys then."""
    space = await edge.enter_space(req.workspace_id)
    keys = dict.fromkeys(q.prompt_key or "" for q in (req.queries or ())[:MOST_OBJECTS])
    found = []
    for key in keys:
        digest = await edge.platform.keys.digest(space, key)
        found.append(("prompts", await past_of(edge).holder(space, PROMPT_KEY, digest, until)))
    return found


SHOWN: dict[str, tuple[Api, Shows]] = {
    "GET /api/prompt/v1/prompts/{prompt_id}": (prompts.api, one("prompts", "prompt_id")),
    "POST /api/prompt/v1/prompts/{prompt_id}/commits/list": (prompts.api, one("prompts", "prompt_id")),
    "POST /v1/loop/prompts/mget": (prompts.api, of_keys),
    **{
        f"{method} /api/evaluation/v1/evaluation_sets/{{evaluation_set_id}}{path}": (
            capability,
            one("datasets", "evaluation_set_id"),
        )
        for method, path, capability in (
            ("GET", "", datasets.api),
            ("GET", "/versions/{version_id}", versions.api),
            ("POST", "/versions/list", versions.api),
            ("POST", "/items/list", items.api),
            ("POST", "/items/batch_get", items.api),
        )
    },
    "GET /api/evaluation/v1/evaluators/{evaluator_id}": (evaluators.api, one("evaluators", "evaluator_id")),
    "POST /api/evaluation/v1/evaluators/{evaluator_id}/versions/list": (
        evaluators.api,
        one("evaluators", "evaluator_id"),
    ),
    "GET /api/evaluation/v1/evaluators_versions/{evaluator_version_id}": (evaluators.api, of_evaluator_version),
    "POST /api/evaluation/v1/experiments/batch_get": (experiments.api, several("experiments", "expt_ids")),
    "POST /api/evaluation/v1/experiments/results/batch_get": (
        experiments.api,
        several("experiments", "experiment_ids"),
    ),
    "POST /api/evaluation/v1/experiments/aggr_results/batch_get": (
        experiments.api,
        several("experiments", "experiment_ids"),
    ),
}
"""The contract's reads that are answered as of a position, and the objects that each one shows."""


@cache
def dated(request: type[WireModel]) -> type[WireModel]:
    """A request of the contract that also says when: a position of the log, or a time with its zone."""
    request.model_rebuild()
    when: dict[str, Any] = {
        "position": (str | None, None),
        "time": (AwareDatetime | None, None),
    }
    made: type[WireModel] = create_model(
        f"{request.__name__}AsOf", __base__=request, __module__=request.__module__, **when
    )
    made.PLACES = {**request.PLACES, "position": "query", "time": "query"}
    return made


def looking_back(route: Declared, shows: Shows) -> Declared:
    """A route's counterpart: the same handler on the read side of the past."""

    async def handler(edge: Edge, req: Any) -> Any:
        past, until = past_of(edge), await bound(edge, req)
        wanted = list(dict.fromkeys(n for n in await shows(edge, req, until) if n[1]))
        if len(wanted) > MOST_OBJECTS:
            raise refused(edge, f"more than {MOST_OBJECTS} objects are asked for")
        objects = [(space, *name) for name in wanted if (space := await edge.tenancy.space_of(*name))]
        seen = [each for each in objects if await edge.tenancy.is_member(each[0], edge.user_id)]
        try:
            async with past.read_side(seen, until) as database:
                looking = PastEdge.over(edge, database)
                answer = await route.handler(looking, req)
        except TooMuchToRecall as error:
            raise refused(edge, str(error)) from error
        edge.set_header("X-As-Of", f"{edge.platform.log_name}:{until}")
        return answer

    handler.__module__, handler.__name__ = __name__, route.handler.__name__
    summary = (route.handler.__doc__ or "").splitlines()[0].rstrip(".")
    handler.__doc__ = f"{summary}, as of a position or time."
    return replace(route, path=PREFIX + route.path, request=dated(route.request), handler=handler)


async def bound(edge: Edge, req: Any) -> int:
    """The position that is meant; refuses none, both, and what is not there yet."""
    if (req.position is None) == (req.time is None):
        raise refused(edge, "name one of position and time")
    if req.time is not None and req.time > edge.now():
        raise refused(edge, f"time {req.time.isoformat()} has not come yet")
    try:
        named = None if req.position is None else position_of(req.position, edge.platform.log_name, "position")
        return await past_of(edge).position(named, req.time)
    except ValueError as error:
        raise refused(edge, str(error)) from error


def past_of(edge: Edge) -> Past:
    """The past of this process; refuses where it has none."""
    if edge.platform.past is None:
        raise ApiError(edge.module.code(UNAVAILABLE), "not available here,this process does not look back")
    return edge.platform.past


def refused(edge: Edge, text: str) -> ApiError:
    """The module's refusal of a parameter."""
    return ApiError(edge.module.code(INVALID_PARAM), f"invalid param,{text}")


def declare() -> None:
    """Every route of `SHOWN`, beside the one that it looks back for."""
    for name, (capability, shows) in SHOWN.items():
        [route] = [r for r in capability.routes if f"{r.method} {r.path}" == name]
        api.routes.append(looking_back(route, shows))


declare()
