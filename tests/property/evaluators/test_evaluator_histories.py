"""Whatever is asked of a space's evaluators in whatever order, these hold."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.command import Context, Refusal, To
from commands.evaluators import DECIDERS
from commands.evaluators.messages import (
    CreateEvaluator,
    DeleteEvaluator,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)
from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from events.reservations import NameClaimed, NameReleased
from projections.evaluators.evaluator_versions import EVALUATOR_VERSIONS
from projections.evaluators.evaluators import EVALUATORS, evaluator_named
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
    log, used, fresh = [], set(), iter(range(100, 1000))
    for given_command in commands:
        command = given_command
        if isinstance(command, CreateEvaluator):
            if command.evaluator_id in used:
                continue
            used.add(command.evaluator_id)
        if isinstance(command, SubmitEvaluatorVersion):
            command = command.model_copy(update={"version_id": str(next(fresh))})
        decider = DECIDERS[type(command)]
        streams, state = (), decider.initial
        while set(decider.streams(command, state)) - set(streams):
            streams = decider.streams(command, state)
            state = decider.initial
            for stream in streams:
                for recorded_stream, event in log:
                    state = decider.evolve(state, event) if recorded_stream == stream else state
        try:
            decided = decider.decide(state, command, Context(now=datetime(2025, 1, 1, tzinfo=UTC), actor="7"))
        except Refusal:
            continue
        log += [(i.stream, i.event) if isinstance(i, To) else (streams[0], i) for i in decided]

    holder, alive = {}, {}
    for _, event in log:
        match event:
            case NameClaimed():
                assert event.reservation not in holder
                holder[event.reservation] = event.owner
            case NameReleased():
                assert holder.pop(event.reservation) == event.owner
            case EvaluatorCreated() | EvaluatorRenamed():
                alive[event.evaluator_id] = event.name
            case EvaluatorDeleted():
                del alive[event.evaluator_id]
    assert holder == {NAMES[name]: id for id, name in alive.items()}
    submitted = [(e.evaluator_id, e.version) for _, e in log if isinstance(e, EvaluatorVersionSubmitted)]
    assert len(submitted) == len(set(submitted))

    projected = Projected(EVALUATORS, EVALUATOR_VERSIONS)
    for stream, event in log:
        projected.happened(stream, event)
    by_name = {name: projected.query(evaluator_named, SPACE, name) for name in NAMES}
    assert {name: id for name, id in by_name.items() if id} == {name: id for id, name in alive.items()}
    assert len(projected.rows(EVALUATOR_VERSIONS)) == len(submitted)
