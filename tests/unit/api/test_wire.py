"""The generated models are what the contract file gives, and take what the contract takes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cozeloop.api.scalars import Vt, WireModel
from cozeloop.api.wire import data, evaluation, foundation, llm, prompt
from cozeloop.api.wire.__main__ import outdated
from cozeloop.api.wire.contract import CONTRACT, Contract, refresh
from cozeloop.api.wire.emit import emit
from cozeloop.api.wire.names import class_names, field_name

SHARED = Path(os.environ.get("COZELOOP_SHARED", Path(__file__).parents[4] / "shared"))
FULL = SHARED / "contract" / "endpoints.json"


def test_generating_again_gives_the_same_files() -> None:
    assert outdated() == []
    contract = Contract.read(CONTRACT)
    assert emit(contract) == emit(contract)


def test_the_contract_file_holds_what_the_full_contract_says() -> None:
    if not FULL.exists() and not os.environ.get("CI"):
        pytest.skip(f"{FULL} is not there")
    assert refresh(CONTRACT, FULL) == CONTRACT.read_text()


def test_an_endpoint_that_is_added_brings_every_type_that_it_reaches(tmp_path: Path) -> None:
    full = tmp_path / "full.json"
    field = {"n": "things", "t": "map<string,list<m.a.Thing>>", "comment": "dropped"}
    endpoint = {"m": "m", "name": "Do", "verb": "POST", "path": "/api/do", "reqT": "m.a.DoRequest"}
    types = {
        "m.a.Thing": {"k": "struct", "f": [{"n": "kind", "t": "m.a.Kind"}]},
        "m.a.Kind": {"k": "enum", "v": {"A": 1}},
    }
    full.write_text(
        json.dumps(
            {"endpoints": [{**endpoint, "respT": "m.a.DoResponse", "req": [field]}], "types": {**types, "m.b.Not": {}}}
        )
    )
    made = json.loads(refresh(tmp_path / "ours.json", full, ["POST /api/do"]))
    assert sorted(made["types"]) == ["m.a.Kind", "m.a.Thing"]
    assert made["endpoints"][0]["req"] == [{"n": "things", "t": "map<string,list<m.a.Thing>>"}]
    with pytest.raises(KeyError):
        refresh(tmp_path / "ours.json", full, ["GET /api/unheard"])


def test_names_of_several_namespaces_do_not_collide() -> None:
    names = class_names(
        ["p.domain.x.Tool", "p.domain_openapi.x.Tool", "p.spi.Tool", "p.a.Info", "p.b_c.Info", "q.a.Info"]
    )
    assert names == {
        "p.domain.x.Tool": "Tool",
        "p.domain_openapi.x.Tool": "OpenApiTool",
        "p.spi.Tool": "SpiTool",
        "p.a.Info": "AInfo",
        "p.b_c.Info": "BCInfo",
        "q.a.Info": "Info",
    }


def test_every_name_of_the_full_contract_has_one_meaning() -> None:
    if not FULL.exists() and not os.environ.get("CI"):
        pytest.skip(f"{FULL} is not there")
    names = class_names(Contract.read(FULL).types)
    assert len({(t.split(".")[0], n) for t, n in names.items()}) == len(names)


@pytest.mark.parametrize(
    ("wire", "attribute"),
    [("name", "name"), ("model_config", "model_config_"), ("schema", "schema_"), ("in", "in_"), ("Status", "Status_")],
)
def test_reserved_names_become_attributes_with_an_alias(wire: str, attribute: str) -> None:
    assert field_name(wire, frozenset({"Status"})) == attribute


def test_a_reserved_name_is_read_and_written_under_its_own() -> None:
    detail = prompt.PromptDetail.model_validate({"model_config": {"model_id": 12, "max_tokens": 5}})
    assert detail.model_config_.model_id == "12"
    assert detail.model_dump(by_alias=True, exclude_none=True) == {"model_config": {"model_id": "12", "max_tokens": 5}}


def every_model() -> list[type[WireModel]]:
    modules = (data, evaluation, foundation, llm, prompt)
    found = [v for m in modules for v in vars(m).values() if isinstance(v, type) and issubclass(v, WireModel)]
    return sorted({m for m in found if m is not WireModel}, key=lambda m: (m.__module__, m.__name__))


@pytest.mark.parametrize("model", every_model(), ids=lambda m: f"{m.__module__.rpartition('.')[2]}.{m.__name__}")
def test_every_model_is_complete_and_nothing_but_a_path_is_required(model: type[WireModel]) -> None:
    model.model_rebuild()
    required = {n for n, f in model.model_fields.items() if f.is_required()}
    assert required == {n for n, place in model.PLACES.items() if place == "path"}
    assert model.model_json_schema()


def test_a_session_in_a_body_is_never_listened_to() -> None:
    request = evaluation.SubmitExperimentRequest.model_validate({"workspace_id": 1, "session": {"user_id": 9}})
    assert request.session is None
    assert evaluation.SubmitExperimentRequest.model_validate({"session": "junk"}).session is None


def test_maps_of_64_bit_integers_become_text() -> None:
    request = evaluation.SubmitExperimentRequest.model_validate({"evaluator_version_ids": [1, "2"]})
    assert request.evaluator_version_ids == ["1", "2"]


def test_enums_are_open_numbers() -> None:
    parsed = evaluation.Evaluator.model_validate({"evaluator_type": 99})
    assert parsed.evaluator_type == 99
    assert evaluation.EvaluatorType.Code == 2
    with pytest.raises(ValidationError):
        evaluation.Evaluator.model_validate({"evaluator_type": "Code"})


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (Vt(not_nil=True), "x", None),
        (Vt(gt=0), "1", "0"),
        (Vt(gt=0, le=100), 100, 101),
        (Vt(ge=0.2, le=5), 0.2, 0.1),
        (Vt(lt=3), 2, 3),
        (Vt(min_size=1), "a", ""),
        (Vt(max_size=3), "äöü", "äöüß"),
        (Vt(min_size=1, max_size=2), [1], []),
        (Vt(elem_min_size=1, elem_max_size=2), ["ab"], ["abc"]),
        (Vt(elem_min_size=1), ["a"], [""]),
        (Vt(defined=frozenset({1, 2})), 2, 3),
        (Vt(gt=0), None, 0),
    ],
)
def test_the_contract_s_rules_hold(rule: Vt, good: Any, bad: Any) -> None:
    assert rule.checked(good) == good
    with pytest.raises(ValueError, match=r"must|required"):
        rule.checked(bad)
