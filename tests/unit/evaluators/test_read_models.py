"""What the read models of evaluators hold after something happened."""

from __future__ import annotations

from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from events.event import Erased, Stream
from projections.evaluators.evaluator_versions import (
    EVALUATOR_VERSIONS,
    find_evaluator_version,
    get_evaluator_versions,
    list_evaluator_versions,
)
from projections.evaluators.evaluators import (
    EVALUATORS,
    EvaluatorFilter,
    evaluator_named,
    get_evaluators,
    list_evaluators,
)
from tests.projected import Projected

SPACE = "7"
NEWEST_FIRST = [("updated_at", False)]


def stream(evaluator_id="100"):
    return Stream(SPACE, "evaluators", evaluator_id)


def created(evaluator_id="100", name="Exact match", **changes):
    facts = {
        "evaluator_id": evaluator_id,
        "evaluator_type": 2,
        "name": name,
        "description": "",
        "name_reservation": "ab",
    }
    return EvaluatorCreated(**(facts | changes))


def submitted(version="0.0.1", version_id="900", evaluator_id="100", draft_revision=1, content=None):
    return EvaluatorVersionSubmitted(
        evaluator_id=evaluator_id,
        version_id=version_id,
        version=version,
        description="",
        content=content if content is not None else {"code_evaluator": {"code_content": version}},
        digest="d",
        draft_revision=draft_revision,
    )


def test_a_created_evaluator_shows_the_version_that_came_with_it():
    Projected(EVALUATORS).happened(stream(), created(), submitted()).then_rows(
        {"evaluator_id": "100", "latest_version": "0.0.1", "latest_version_id": "900", "draft_revision": 1}
    )


def test_a_submitted_version_is_the_latest_and_settles_its_draft():
    Projected(EVALUATORS).happened(
        stream(), created(), submitted(), submitted("0.0.2", "901", draft_revision=5)
    ).then_rows({"latest_version": "0.0.2", "latest_version_id": "901", "draft_revision": 5})


def test_a_renamed_evaluator_frees_its_old_name():
    renamed = EvaluatorRenamed(evaluator_id="100", name="Close match", description="d", name_reservation="ac")
    projected = Projected(EVALUATORS).happened(stream(), created(), renamed)
    assert projected.query(evaluator_named, SPACE, "Exact match") == ""
    assert projected.query(evaluator_named, SPACE, "Close match") == "100"
    assert projected.query(evaluator_named, "8", "Close match") == ""


def test_names_are_told_apart_exactly_and_searched_without_case():
    projected = Projected(EVALUATORS).happened(stream(), created())
    assert projected.query(evaluator_named, SPACE, "exact match") == ""
    assert projected.query(list_evaluators, EvaluatorFilter(SPACE, "EXACT"), NEWEST_FIRST, 1, 10)[1] == 1
    assert projected.query(list_evaluators, EvaluatorFilter(SPACE, "_"), NEWEST_FIRST, 1, 10)[1] == 0


def test_a_deleted_evaluator_is_gone_and_its_versions_stay():
    projected = Projected(EVALUATORS, EVALUATOR_VERSIONS).happened(
        stream(), created(), submitted(), EvaluatorDeleted(evaluator_id="100")
    )
    assert projected.query(get_evaluators, ["100"]) == []
    assert len(projected.query(get_evaluators, ["100"], include_deleted=True)) == 1
    assert projected.query(list_evaluators, EvaluatorFilter(SPACE), NEWEST_FIRST, 1, 0) == ([], 0)
    assert projected.query(get_evaluator_versions, ["900", "1"])[0]["version"] == "0.0.1"


def test_evaluators_are_listed_newest_change_first_and_paged():
    projected = Projected(EVALUATORS)
    for i in "123":
        projected.happened(stream(i), created(i, name=i))
    projected.happened(stream("1"), submitted(evaluator_id="1"))
    rows, total = projected.query(list_evaluators, EvaluatorFilter(SPACE), NEWEST_FIRST, 1, 2)
    assert ([r["evaluator_id"] for r in rows], total) == (["1", "3"], 3)
    every, _ = projected.query(list_evaluators, EvaluatorFilter(SPACE), [("created_at", True)], 1, 0)
    assert [r["evaluator_id"] for r in every] == ["1", "2", "3"]


def test_versions_are_listed_by_age_and_found_by_name():
    projected = Projected(EVALUATOR_VERSIONS).happened(
        stream(), created(), submitted("0.0.2", "901"), submitted("0.0.1", "902")
    )
    rows, total = projected.query(list_evaluator_versions, ["100"], [], False, 1, 10)
    assert ([r["version_id"] for r in rows], total) == (["902", "901"], 2)
    assert projected.query(list_evaluator_versions, ["100"], ["0.0.2"], False, 1, 10)[1] == 1
    assert projected.query(find_evaluator_version, "100", "0.0.1")["version_id"] == "902"
    assert projected.query(find_evaluator_version, "100", "9.9.9") is None


def test_erased_content_leaves_empty_texts():
    Projected(EVALUATORS, EVALUATOR_VERSIONS).happened(
        stream(), created(name=Erased(), description=Erased()), submitted(content=Erased())
    ).then_rows({"name": "", "description": ""}).then_rows_of(EVALUATOR_VERSIONS, {"content": "{}"})
