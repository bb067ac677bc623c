"""Whatever is asked of a space's evaluators in whatever order, these hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.evaluators.messages import (
    CreateEvaluator,
    DeleteEvaluator,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)
from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from projections.evaluators.evaluator_versions import EVALUATOR_VERSIONS
from projections.evaluators.evaluators import EVALUATORS, evaluator_named
from tests.one_space import OneSpace
from tests.projected import Projected

SPACE = "7"
NAMES = {"a": "aa", "b": "bb", "c": "cc"}
CONTENT = {"code_evaluator": {"language_type": "Python", "code_content": "x = 1"}}
ids = st.sampled_from(["1", "2", "3"])
names = st.sampled_from(sorted(NAMES))
asked = st.one_of(
    st.builds(
        lambda id, name: CreateEvaluator(
            space_id=SPACE,
            evaluator_id=id,
            version_id="9" + id,
            evaluator_type=2,
            name=name,
            name_reservation=NAMES[name],
            content=CONTENT,
            digest="d",
            draft_revision=1,
        ),
        ids,
        names,
    ),
    st.builds(
        lambda id, name: RenameEvaluator(
            space_id=SPACE, evaluator_id=id, name=name, name_reservation=NAMES.get(name or "", "")
        ),
        ids,
        st.one_of(st.none(), names),
    ),
    st.builds(
        SubmitEvaluatorVersion,
        space_id=st.just(SPACE),
        evaluator_id=ids,
        version_id=st.just(""),
        version=st.sampled_from(["0.0.1", "0.0.2", "x"]),
        content=st.one_of(st.none(), st.just(CONTENT)),
    ),
    st.builds(DeleteEvaluator, space_id=st.just(SPACE), evaluator_id=ids),
)


@given(st.lists(asked, max_size=40))
@settings(max_examples=150, deadline=None)
def test_a_name_leads_to_at_most_one_evaluator_and_versions_stand_once(commands):
    space, fresh = OneSpace({CreateEvaluator: "evaluator_id"}), iter(range(100, 1000))
    for command in commands:
        if isinstance(command, SubmitEvaluatorVersion):
            space.ask(command.model_copy(update={"version_id": str(next(fresh))}))
        else:
            space.ask(command)

    alive = {}
    for _, event in space.log:
        match event:
            case EvaluatorCreated() | EvaluatorRenamed():
                alive[event.evaluator_id] = event.name
            case EvaluatorDeleted():
                del alive[event.evaluator_id]
    assert space.holders() == {NAMES[name]: id for id, name in alive.items()}
    submitted = [(e.evaluator_id, e.version) for e in space.of(EvaluatorVersionSubmitted)]
    assert len(submitted) == len(set(submitted))

    projected = Projected(EVALUATORS, EVALUATOR_VERSIONS)
    for stream, event in space.log:
        projected.happened(stream, event)
    by_name = {name: projected.query(evaluator_named, SPACE, name) for name in NAMES}
    assert {name: id for name, id in by_name.items() if id} == {name: id for id, name in alive.items()}
    assert len(projected.rows(EVALUATOR_VERSIONS)) == len(submitted)
