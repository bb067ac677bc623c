import pytest

from infra.clock import now
from infra.messaging.drafts import DraftConflict, JetStreamDrafts

CANARY = "canary-draft-text-9731"


@pytest.fixture
async def drafts(bench, keys):
    nc = await bench.connect()
    yield JetStreamDrafts(nc, keys, now)
    await nc.close()


async def test_a_draft_is_read_back_as_it_was_saved(drafts):
    saved = await drafts.save("7", "prompts", "5", {"text": CANARY}, user="3")
    assert await drafts.load("7", "prompts", "5", "3") == saved
    assert await drafts.load("7", "prompts", "5", "4") is None
    assert await drafts.load("7", "prompts", "6", "3") is None


async def test_an_identical_draft_is_not_written_again(drafts):
    first = await drafts.save("7", "prompts", "5", {"text": "a"})
    assert (await drafts.save("7", "prompts", "5", {"text": "a"})).revision == first.revision
    assert (await drafts.save("7", "prompts", "5", {"text": "b"})).revision > first.revision


async def test_a_revision_saved_since_refuses_the_one_who_expected_an_older(drafts):
    first = await drafts.save("7", "prompts", "5", {"text": "a"}, expected=0)
    await drafts.save("7", "prompts", "5", {"text": "b"}, expected=first.revision)
    with pytest.raises(DraftConflict):
        await drafts.save("7", "prompts", "5", {"text": "c"}, expected=first.revision)


async def test_only_the_last_fifty_revisions_are_kept_and_none_shows_its_text(drafts, bench, tmp_path):
    for i in range(60):
        await drafts.save("7", "prompts", "5", {"text": f"{CANARY}{i}"})
    nc = await bench.connect()
    assert (await nc.jetstream().stream_info("DRAFTS")).state.messages == 50
    await nc.close()
    stored = b"".join(p.read_bytes() for p in (tmp_path / "nats").rglob("*") if p.is_file())
    assert b"drafts.7.prompts.5" in stored
    assert CANARY.encode() not in stored


async def test_a_draft_whose_key_is_destroyed_is_gone(drafts, keys):
    await drafts.save("7", "prompts", "5", {"text": "a"})
    keys.destroy("7")
    assert await drafts.load("7", "prompts", "5") is None
