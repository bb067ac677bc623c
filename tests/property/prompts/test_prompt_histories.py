"""Whatever is asked of a space's prompts in whatever order, these hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.prompts.messages import CommitPrompt, CreatePrompt, DeletePrompt, RenamePrompt
from commands.prompts.prompt import UNBORN, evolve
from events.event import Erased, Stream
from events.prompts import PromptCommitted, PromptCreated, PromptDeleted
from events.reservations import NameClaimed, NameReleased
from projections.prompts.prompt_commits import PROMPT_COMMITS
from projections.prompts.prompts import PROMPTS, find_keys
from tests.one_space import OneSpace
from tests.projected import Projected

SPACE = "7"
KEYS = {"a": "aa", "b": "bb"}
prompt_ids = st.sampled_from(["1", "2", "3"])
actors = st.sampled_from(["70", "80"])
keys = st.sampled_from(sorted(KEYS))
versions = st.sampled_from(["0.0.1", "0.0.2", "1.0.0", "not one"])
asked = st.one_of(
    st.builds(
        lambda id, key, name: CreatePrompt(
            space_id=SPACE, prompt_id=id, prompt_key=key, name=name, key_reservation=KEYS[key]
        ),
        prompt_ids,
        keys,
        st.text(max_size=3),
    ),
    st.builds(RenamePrompt, space_id=st.just(SPACE), prompt_id=prompt_ids, name=st.text(max_size=130)),
    st.builds(
        CommitPrompt,
        space_id=st.just(SPACE),
        prompt_id=prompt_ids,
        version=versions,
        detail=st.one_of(st.none(), st.just({"n": 1})),
        draft_revision=st.integers(0, 9),
    ),
    st.builds(DeletePrompt, space_id=st.just(SPACE), prompt_id=prompt_ids),
)


@given(st.lists(st.tuples(asked, actors), max_size=40))
@settings(max_examples=150, deadline=None)
def test_a_key_leads_to_at_most_one_prompt_and_versions_stand_once(commands):
    space = OneSpace({CreatePrompt: "prompt_id"})
    for command, actor in commands:
        space.ask(command, actor)

    deleted = {e.prompt_id for e in space.of(PromptDeleted)}
    alive = {e.prompt_id: e.prompt_key for e in space.of(PromptCreated) if e.prompt_id not in deleted}
    assert {KEYS[key]: id for id, key in alive.items()} == space.holders()

    commits = [(e.prompt_id, e.version) for e in space.of(PromptCommitted)]
    assert len(commits) == len(set(commits))
    drafts = [(e.prompt_id, e.committed_by, e.draft_revision) for e in space.of(PromptCommitted)]
    assert len(drafts) == len(set(drafts)), "no draft is committed twice"

    projected = Projected(PROMPTS, PROMPT_COMMITS)
    for stream, event in space.log:
        projected.happened(stream, event)
    found = projected.query(find_keys, SPACE, sorted(KEYS))
    assert {key: pointer.prompt_id for key, pointer in found.items()} == {key: id for id, key in alive.items()}
    assert len(projected.rows(PROMPT_COMMITS)) == len(commits)


texts = st.one_of(st.text(max_size=5), st.just(Erased()))
happened = st.one_of(
    st.builds(PromptCreated, prompt_key=texts, name=texts, description=texts),
    st.builds(PromptCommitted, description=texts, detail=st.one_of(st.just(Erased()), st.just({}))),
    st.builds(PromptDeleted),
    st.builds(NameClaimed),
    st.builds(NameReleased),
)


@given(st.lists(happened, max_size=20))
@settings(deadline=None)
def test_evolve_never_raises_whatever_happened_in_whatever_order(events):
    state = UNBORN
    for event in events:
        state = evolve(state, event)
    projected = Projected(PROMPTS)
    for i, event in enumerate(e for e in events if isinstance(e, PromptCreated)):
        projected.happened(Stream(SPACE, "prompts", str(i)), event.model_copy(update={"prompt_id": str(i)}))
    assert len(projected.rows()) == sum(isinstance(e, PromptCreated) for e in events)
