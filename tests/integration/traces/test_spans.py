"""From SPANS into the table: once each, the first copy, in any order of crashes."""

from __future__ import annotations

import pytest

from cozeloop.projecting.spans import blocks
from infra.clickhouse.port import ClickHouseFailed
from infra.messaging.spans import LARGEST, SpanBatch, parts
from infra.nats.connecting import JetStreamAway
from projections.traces.rows import tags_of
from projections.traces.writing import Lines, SpanTable
from tests.integration.conftest import until
from tests.unit.traces.spans import span


def ids(rows) -> list[str]:
    return [r["span_id"] for r in rows]


async def test_a_span_is_shown_as_it_was_sent(rig):
    sent = span(
        tags_string={"a.b": "2025-01-01", "a": "x", "50%": "%2E", "": "unnamed", "model_name": "m", "user_id": ""},
        tags_long={"n": (1 << 63) - 1, "tokens": 3, "input_tokens": 2},
        tags_double={"whole": 3.0, "part": 0.25},
        tags_bool={"yes": True, "no": False},
        system_tags_long={"tool_input_tokens": 4},
        input="line\nline 'quoted' \\ 日本 😀",
    )
    async with rig.projecting():
        [row] = await rig.shown(await rig.put(sent))
    assert (row["trace_id"], row["input"], row["duration"]) == (sent["trace_id"], sent["input"], 2500)
    for name in ("tags_string", "tags_long", "tags_double", "tags_bool"):
        assert tags_of(row, name) == sent[name]
    assert tags_of(row, "system_tags") == {"tool_input_tokens": 4, "clip_fields": "[]"}


async def test_a_span_sent_twice_is_there_once(rig):
    one, other = span(), span()
    async with rig.projecting() as projector:
        await rig.put(one, other)
        last = await rig.put(one, other)
        assert ids(await rig.shown(last)) == ids([one, other])
        assert projector.table.conflicts == 0


async def test_batches_that_come_one_after_the_other_are_joined_into_few_blocks(rig):
    async with rig.projecting() as projector:
        await rig.shown(await rig.put(span()))
        positions = [await rig.put(span()) for _ in range(20)]
        assert len(await rig.shown(positions[-1])) == 21
        assert projector.blocks < 21


async def test_a_second_copy_that_says_something_else_is_counted_and_never_replaces_the_first(rig):
    one, two = span(input="first"), span(input="same request")
    async with rig.projecting() as projector:
        first = await rig.put(one, two, {**two, "input": "other in the same request"})
        await rig.shown(first)
        rows = await rig.shown(await rig.put({**one, "input": "second"}))
        await rig.db.execute("OPTIMIZE TABLE spans_v1 FINAL")
        assert (
            sorted(r["input"] for r in rows)
            == ["first", "same request"]
            == sorted(r["input"] for r in await rig.rows())
        )
        assert projector.table.conflicts == 2


async def test_a_space_cannot_keep_another_from_storing_a_span_of_the_same_ids(rig):
    one = span()
    async with rig.projecting():
        await rig.put({**one, "input": "theirs"}, space="80")
        last = await rig.put({**one, "input": "ours"})
        assert [r["input"] for r in await rig.shown(last)] == ["ours"]
        assert [r["input"] for r in await rig.shown(last, "80")] == ["theirs"]


async def test_what_waits_is_joined_and_all_of_it_is_shown(rig):
    sent = [span() for _ in range(300)]
    for begin in range(0, 300, 10):
        last = await rig.put(*sent[begin : begin + 10])
    async with rig.projecting() as projector:
        assert sorted(ids(await rig.shown(last))) == sorted(ids(sent))
        assert projector.blocks < 30


async def test_a_projector_goes_on_where_its_table_stands(rig):
    async with rig.projecting():
        await rig.shown(await rig.put(span()))
    last = await rig.put(span())
    async with rig.projecting() as projector:
        assert len(await rig.shown(last)) == 2
        assert projector.inserted == 1


async def test_a_block_given_again_after_a_crash_before_its_position_changes_nothing(rig):
    await rig.put(span(), span())
    created, _, _ = await rig.stream.span()
    batch = [Lines("70", b.lines, b.position) async for some in _first(rig) for b in some]
    for _ in range(2):
        table = SpanTable(rig.db, created)
        await table.open()
        await table.take(batch)
    assert len(await rig.rows()) == 2


class Away:
    """The stream, whose server does not answer at first."""

    def __init__(self, stream) -> None:
        self._stream = stream
        self.asked = 0

    async def span(self):
        self.asked += 1
        if self.asked == 1:
            raise JetStreamAway("nats: timeout")
        return await self._stream.span()

    def batches(self, after: int):
        return self._stream.batches(after)


async def test_once_the_server_answers_again_nothing_is_wrong_although_no_span_comes(rig):
    rig.stream = Away(rig.stream)
    async with rig.projecting() as projector:
        await until(lambda: "timeout" in projector.trouble)
        await until(lambda: projector.trouble == "")


async def test_an_insert_that_fails_is_tried_again_and_nothing_is_left_out(rig):
    class Fails:
        """The engine refuses the first block."""

        def __init__(self, db) -> None:
            self._db = db
            self.left = 1

        def __getattr__(self, name):
            return getattr(self._db, name)

        async def insert(self, table, lines):
            if table == "spans_v1" and self.left:
                self.left -= 1
                raise ClickHouseFailed("no room")
            await self._db.insert(table, lines)

    async with rig.projecting(Fails(rig.db)):
        assert len(await rig.shown(await rig.put(span()))) == 1


async def test_spans_of_a_destroyed_key_are_passed_over(rig, keys):
    await rig.put(span(), space="80")
    keys.destroy("80")
    last = await rig.put(span())
    async with rig.projecting():
        assert len(await rig.shown(last)) == 1
        assert await rig.rows("80") == []


async def test_no_text_of_a_span_lies_open_in_the_stream(rig, bench, tmp_path):
    await rig.put(span(input="canary-of-a-span"))
    found = [f for f in tmp_path.rglob("*.blk") if b"canary-of-a-span" in f.read_bytes()]
    assert any(tmp_path.rglob("*.blk"))
    assert found == []


async def test_a_span_that_is_larger_than_a_message_is_stored_and_shown(rig):
    sent = span(input="\x01" * (1 << 20), output="\x02" * (1 << 20))
    async with rig.projecting():
        [row] = await rig.shown(await rig.put(sent))
    assert (row["input"], row["output"]) == (sent["input"], sent["output"])


async def test_a_stream_made_anew_is_read_from_its_beginning(rig, bench):
    async with rig.projecting():
        await rig.shown(await rig.put(span()))
    admin = await bench.admin()
    await admin.jetstream().delete_stream("SPANS")
    await admin.close()
    await bench.set_up()
    async with rig.projecting():
        assert len(await rig.shown(await rig.put(span()))) == 2


@pytest.mark.parametrize("sizes", [[10], [LARGEST, 5], [5] * 100, [LARGEST + 1, 1, LARGEST + 1]])
def test_lines_are_divided_into_messages_and_none_is_lost(sizes):
    lines = [b"x" * size for size in sizes]
    made = parts(lines)
    assert b"\n".join(made).split(b"\n") == lines
    assert all(len(part) <= LARGEST or b"\n" not in part for part in made)


def test_batches_are_joined_into_blocks_of_bounded_size():
    batches = [SpanBatch("70", b"x\n" * 9 + b"x", position) for position in range(1, 101)]
    made = list(blocks(batches, rows=100))
    assert [len(block) for block in made] == [10] * 10
    assert [line.position for block in made for line in block] == list(range(1, 101))


async def _first(rig):
    async for some in rig.stream.batches(0):
        yield some
        return


async def test_a_table_built_anew_is_the_one_that_was_and_takes_over_what_the_stream_no_longer_holds(rig, bench):
    old, one, two = span(input="old"), span(input="one"), span(input="two")
    async with rig.projecting() as projector:
        first = await rig.put(old)
        await rig.put(one)
        last = await rig.put({**one, "input": "a second copy"}, two)
        before = await rig.shown(last)
        admin = await bench.admin()
        await admin.jetstream().purge_stream("SPANS", seq=first + 1)
        await admin.close()
        told = [line async for line in projector.rebuild()]
        assert (told[-1]["state"], told[-1]["total"]) == ("switched", 2)
        assert await rig.rows() == before
        assert [r["input"] for r in before] == ["old", "one", "two"]
        assert projector.table.conflicts == 1
        assert len(await rig.shown(await rig.put(span()))) == 4


async def test_spans_go_on_arriving_while_the_table_is_built_anew(rig):
    async with rig.projecting() as projector:
        await rig.shown(await rig.put(span()))
        last = 0
        async for _ in projector.rebuild():
            last = await rig.put(span())
        found = await rig.shown(last)
        _, _, end = await rig.stream.span()
        assert len(found) == end


async def test_an_erased_space_leaves_nothing_in_stream_table_and_files(rig, keys, tmp_path):
    async with rig.projecting() as projector:
        await rig.put(span(input="canary-of-the-erased"), space="80")
        last = await rig.put(span())
        assert len(await rig.shown(last, "80")) == 1
        keys.destroy("80")
        assert await rig.stream.purge("80") == 1
        assert await projector.erase("80") == 1
        assert await rig.rows("80") == []
        assert len(await rig.rows()) == 1
        assert len(await rig.shown(await rig.put(span()))) == 2
