"""Nobody sees or changes anything of another: asked of every endpoint that the platform declares.

New endpoints are covered as soon as they are in openapi.json; a field whose name is in `Owner.ids` gets the owner's id.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from tests.e2e.callers import Caller
from tests.e2e.endpoints import SAMPLES, Call, declared
from tests.e2e.strangers import Stranger, strangers
from tests.e2e.tenants import Owner, digest_of

ENDS_THE_SESSION = "/api/foundation/v1/users/logout"
DEFECT = 602000702
NO_OBJECT = {"model_id"}
"""Ids in paths that are configuration, the same for everybody."""


@dataclass(frozen=True)
class World:
    """The owner with everything of theirs, those who want it, and every endpoint; ``read`` is what the owner sees."""

    owner: Owner
    strangers: list[Stranger]
    calls: list[Call]
    read: str


@pytest.fixture(scope="module")
def world(platform_url: str) -> World:
    owner, other = Owner.settle(platform_url), Caller(platform_url, "eve")
    tried_by = strangers(owner, other)
    calls = sorted(declared(platform_url), key=lambda c: c.path == ENDS_THE_SESSION)
    return World(owner, tried_by, calls, digest_of(owner, calls)[0])


def test_the_owner_can_read_every_text_of_theirs(world: World) -> None:
    missing = [c for c in world.owner.canaries if c not in world.read]
    assert not missing, "the other tests prove nothing of what cannot be seen"


def test_every_id_in_a_path_is_one_of_the_owners(world: World) -> None:
    taken = {p["name"] for c in world.calls for p in c.operation.get("parameters", ()) if p["in"] == "path"}
    assert taken - {*world.owner.ids, *SAMPLES} <= NO_OBJECT, "teach Owner to create such an object"


def test_nobody_is_shown_or_changes_anything_of_another(world: World) -> None:
    failures = [f for stranger in world.strangers for f in attempts(world, stranger)]
    assert not failures, "\n".join(failures)


def test_the_figures_name_no_tenant(world: World, platform_url: str) -> None:
    figures = httpx.get(f"{platform_url}/metrics").text
    for name in (world.owner.caller.space, world.owner.caller.user_id, *world.owner.secrets()):
        assert name not in figures


def test_what_was_refused_to_strangers_is_done_for_the_owner(world: World) -> None:
    """Last, for it destroys: the requests were good ones, only their senders were not."""
    writes = [c for c in world.calls if not (c.reads or c.open or c.path == ENDS_THE_SESSION or operators(c))]
    done: dict[str, list[int]] = {}
    caller = world.owner.caller
    caller.http.headers["authorization"] = f"Bearer {caller.token}"
    # a user's name is unique in the installation, and a stranger has taken the one that everybody tries
    ids = {**world.owner.ids, "workspace_id": caller.space, "name": f"probe{caller.user_id[-8:]}"}
    for call in sorted(writes, key=lambda c: (c.method == "DELETE", -len(c.path))):
        code = call.send(caller.http, ids).json()["code"]
        done.setdefault(call.operation["tags"][0], []).append(code)
        assert call.method != "DELETE" or code == 0, f"{call}: {code}"
    assert not [tag for tag, codes in done.items() if 0 not in codes]


def attempts(world: World, stranger: Stranger) -> list[str]:
    """Every endpoint with the owner's ids, in the owner's workspace and in the stranger's own; what went wrong."""
    owner = world.owner
    claim = {"user_id": owner.caller.user_id, "app_id": "0"}
    wrong: list[str] = []
    _, before = digest_of(owner, world.calls)
    for call in world.calls:
        spaces = {owner.caller.space, stranger.space or owner.caller.space}
        for space in sorted(spaces) if not call.open else [owner.caller.space]:
            response = call.send(stranger.http, {**owner.ids, "workspace_id": space, "session": claim})
            told = [s for s in owner.secrets() if s in response.text or s in str(response.headers)]
            if told:
                wrong.append(f"{call} tells {stranger.name}: {told}")
            if response.status_code >= 500 and not call.open:
                wrong.append(f"{call} fails for {stranger.name}: {response.text}")
            if not stranger.space and not call.open and code_of(response) == 0:
                wrong.append(f"{call} serves {stranger.name}")
            if "log id" in response.text and code_of(response) == DEFECT:
                wrong.append(f"{call} has a defect: {response.text}")
    if digest_of(owner, world.calls)[1] != before:
        wrong.append(f"{stranger.name} changed something of the owner's")
    return wrong


def code_of(response: httpx.Response) -> int:
    """The envelope's code; 0 for an answer of another form that is a success."""
    if "json" not in response.headers.get("content-type", ""):
        return 0 if response.status_code < 400 else response.status_code
    return int(response.json().get("code", 0))


def operators(call: Call) -> bool:
    """Whether it is the operator's."""
    return any("operator" in way for way in call.operation.get("security", ()))
