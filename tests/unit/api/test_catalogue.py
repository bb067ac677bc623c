"""What is declared: every refusal has a code, every route is in the documentation, the file on disk is the one made."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import commands
import cozeloop.api
from commands.command import Refusal
from cozeloop.api import openapi, system
from cozeloop.api.catalogue import HOT, declared
from cozeloop.api.refusals import answer_of, codes
from cozeloop.api.routing import Declared
from cozeloop.api.wire.contract import CONTRACT, Contract, route_of
from cozeloop.handling import CommandReused
from tests.unit.api.fakes import World


def refusals(of: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for kind in of.__subclasses__():
        if kind.__module__.startswith(("commands.", "cozeloop.")):
            yield kind
        yield from refusals(kind)


def test_every_refusal_has_a_code() -> None:
    for package in (commands, cozeloop.api):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.endswith("__main__"):
                importlib.import_module(info.name)
    without = {r for r in refusals() if r is not CommandReused and not any(c in codes() for c in r.__mro__)}
    assert without == set()


def test_every_code_is_nine_digits_of_a_module() -> None:
    for kind, (code, text) in codes().items():
        assert re.fullmatch(r"60(20|05|11|12|15|09)\d{5}", str(code)), kind
        assert text and "\n" not in text


def test_a_refusal_is_told_with_its_detail_after_a_comma() -> None:
    kind, (code, text) = next(iter(codes().items()))
    answer = answer_of(kind("the field"), declared()[0].module)
    assert answer is not None
    assert (answer.code, answer.msg) == (code, f"{text},the field")


def contract_routes() -> dict[str, dict[str, Any]]:
    return {re.sub(r":(\w+)", r"{\1}", route_of(e)): e for e in Contract.read(CONTRACT).endpoints}


def test_every_declared_route_is_in_the_contract_or_our_own_and_the_other_way_round() -> None:
    routes = {f"{r.method} {r.path}" for r in declared() if not r.path.startswith("/v1/platform/")}
    assert routes == set(contract_routes())


def test_every_route_takes_the_request_that_the_contract_names() -> None:
    for route in declared():
        if known := contract_routes().get(f"{route.method} {route.path}"):
            assert route.request.__name__ == known["reqT"].rpartition(".")[2]
            assert route.response.__name__ == known["respT"].rpartition(".")[2]
            assert route.anonymous == (known["auth"] == "none")


def test_hot_routes_are_tried_first_and_words_before_parameters() -> None:
    paths = [r.path for r in declared()]
    assert tuple(paths[: len(HOT)]) == HOT
    for early, late in ((a, b) for i, a in enumerate(paths) for b in paths[i + 1 :] if a != b):
        pattern = re.compile(re.sub(r"{\w+}", "[^/]+", early))
        assert "{" not in early or not (pattern.fullmatch(late) and "{" not in late), (early, late)


def test_the_documentation_on_disk_is_the_one_the_routes_give() -> None:
    assert system.OPENAPI.read_text() == openapi.text()


def test_every_route_and_field_is_documented() -> None:
    document = openapi.build()
    for route in declared():
        operation = document["paths"][route.path][route.method.lower()]
        shown = {p["name"] for p in operation.get("parameters", ())}
        for media in operation.get("requestBody", {}).get("content", {}).values():
            shown |= set(media["schema"]["properties"])
        assert shown >= wire_names(route), f"{route.method} {route.path}"
        assert operation["summary"]
    ids = [o["operationId"] for item in document["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids))


def wire_names(route: Declared) -> set[str]:
    return {f.alias or n for n, f in route.request.model_fields.items()}


def test_every_reference_of_the_documentation_leads_somewhere() -> None:
    document = openapi.build()
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert names == set(document["components"]["schemas"])


async def test_the_page_names_every_route_and_loads_nothing_from_elsewhere() -> None:
    async with World().client(None) as client:
        page = await client.get("/docs")
        document = (await client.get("/openapi.json")).json()
    assert all(path in page.text for path in document["paths"])
    assert not re.findall(r"(?:src|href)=['\"]?(?:https?:)?//", page.text)
    assert "<script" not in page.text
