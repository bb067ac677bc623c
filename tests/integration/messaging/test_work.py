import asyncio
import os
import signal

from infra.messaging.work import WorkQueue
from tests.integration.conftest import until


class Performing:
    """Counts what is performed, and how much of it at once."""

    def __init__(self, fails=0):
        self.done, self.now, self.most, self.fails = [], 0, 0, fails
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, data, delivered):
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        await asyncio.sleep(0.001)
        self.now -= 1
        if self.fails:
            self.fails -= 1
            raise RuntimeError("once")
        self.done.append((data, delivered))


async def opened(bench, perform=None):
    nc = await bench.connect()
    queue = WorkQueue(nc, perform)
    await queue.open()
    return nc, queue


def tasks(n):
    return {str(i): b"%d" % i for i in range(n)}


async def test_every_task_is_performed_once_within_the_limit(bench):
    work = Performing()
    nc, queue = await opened(bench, work)
    await queue.begin("7", 3)
    assert await queue.publish("7", tasks(50)) == 50
    await until(lambda: len(work.done) == 50)
    assert sorted(int(d) for d, _ in work.done) == list(range(50))
    assert work.most == 3
    await nc.close()


async def test_a_refill_takes_only_what_is_neither_queued_nor_under_way(bench):
    work = Performing()
    work.gate.clear()
    nc, queue = await opened(bench, work)
    await queue.begin("7", 2)
    await queue.publish("7", tasks(10))
    await until(lambda: work.now == 2)
    assert await queue.publish("7", tasks(12)) == 2
    work.gate.set()
    await until(lambda: len(work.done) == 12)
    assert len({d for d, _ in work.done}) == 12
    await nc.close()


async def test_a_task_whose_worker_failed_is_handed_out_again_and_says_so(bench):
    work = Performing(fails=1)
    nc, queue = await opened(bench, work)
    await queue.begin("7", 1)
    await queue.publish("7", {"0": b"x"})
    await until(lambda: work.done)
    assert work.done == [(b"x", 2)]
    await nc.close()


async def test_the_limit_holds_over_processes(bench):
    work = Performing()
    a, first = await opened(bench, work)
    b, second = await opened(bench, work)
    await first.begin("7", 3)
    await second.begin("7", 3)
    await first.publish("7", tasks(60))
    await until(lambda: len(work.done) == 60)
    assert work.most <= 3
    await a.close()
    await b.close()


async def test_a_run_that_ended_leaves_no_task_and_no_consumer(bench):
    nc, queue = await opened(bench)
    await queue.begin("7", 3)
    await queue.publish("7", tasks(5))
    await queue.end("7")
    state = await nc.jetstream().stream_info("WORK")
    assert (state.state.messages, state.state.consumer_count) == (0, 0)
    await queue.end("7")
    await nc.close()


async def test_a_small_run_is_not_kept_waiting_by_a_large_one(bench):
    work = Performing()
    nc = await bench.connect()
    queue = WorkQueue(nc, work, slots=2)
    await queue.open()
    await queue.begin("1", 2)
    await queue.publish("1", {str(i): b"large" for i in range(300)})
    await queue.begin("2", 2)
    await queue.publish("2", {str(i): b"small" for i in range(10)})
    await until(lambda: len(work.done) == 310, 20)
    last_small = max(i for i, (d, _) in enumerate(work.done) if d == b"small")
    assert last_small < 250
    await nc.close()


async def test_the_task_of_a_worker_that_died_comes_back_after_its_time(bench):
    dies, lives = Performing(), Performing()
    dies.gate.clear()
    a, b = await bench.connect(), await bench.connect()
    first, second = WorkQueue(a, dies, ack_wait=1), WorkQueue(b, lives, ack_wait=1)
    await first.open()
    await first.begin("7", 2)
    await first.publish("7", tasks(1))
    await until(lambda: dies.now == 1)
    await a.close()
    await second.open()
    await until(lambda: lives.done)
    assert lives.done == [(b"0", 2)]
    await first.close()
    await second.close()
    state = await b.jetstream().stream_info("WORK")
    assert state.state.messages == 0
    await b.close()


async def test_a_worker_that_stops_gives_its_tasks_back_at_once(bench):
    stays, goes = Performing(), Performing()
    goes.gate.clear()
    a, leaving = await opened(bench, goes)
    await leaving.begin("7", 1)
    await leaving.publish("7", tasks(1))
    await until(lambda: goes.now == 1)
    await leaving.close()
    b, staying = await opened(bench, stays)
    await until(lambda: stays.done)
    assert stays.done == [(b"0", 2)]
    await staying.close()
    await a.close()
    await b.close()


async def test_a_lost_queue_is_noticed_and_filled_again(bench):
    work = Performing()
    work.gate.clear()
    nc = await bench.connect()

    async def refill():
        await queue.begin("7", 3)
        refilled.append(await queue.publish("7", tasks(20)))

    refilled = []
    queue = WorkQueue(nc, work, on_lost=refill)
    await queue.open()
    await queue.begin("7", 3)
    await queue.publish("7", tasks(20))
    await until(lambda: work.now == 3)
    os.kill(bench.server.pid, signal.SIGKILL)
    await until(lambda: refilled)
    assert refilled == [20]
    work.gate.set()
    await until(lambda: {data for data, _ in work.done} == set(tasks(20).values()))
    await queue.close()
    await nc.close()


async def test_a_worker_finds_the_runs_of_other_processes(bench):
    before, after = Performing(), Performing()
    a, early = await opened(bench, before)
    b, manager = await opened(bench)
    await manager.begin("7", 4)
    await manager.publish("7", tasks(10))
    await until(lambda: len(before.done) == 10)
    await early.close()
    await manager.publish("7", tasks(10))
    c, late = await opened(bench, after)
    await until(lambda: len(after.done) == 10)
    assert (len(before.done), len(after.done)) == (10, 10)
    await late.close()
    for nc in (a, b, c):
        await nc.close()


async def test_the_limit_can_be_changed_while_the_run_goes_on(bench):
    work = Performing()
    nc, queue = await opened(bench, work)
    await queue.begin("7", 2)
    work.gate.clear()
    await queue.publish("7", tasks(40))
    await until(lambda: work.now == 2)
    await queue.begin("7", 5)
    await until(lambda: work.now == 5)
    work.gate.set()
    await until(lambda: len(work.done) == 40)
    assert work.most == 5
    await queue.close()
    await nc.close()


async def test_what_waits_for_a_slot_is_not_handed_to_others_meanwhile(bench):
    work = Performing()
    work.gate.clear()
    nc = await bench.connect()
    queue = WorkQueue(nc, work, slots=1, ack_wait=1)
    await queue.open()
    await queue.begin("7", 5)
    await queue.publish("7", tasks(2))
    await until(lambda: work.now == 1)
    await asyncio.sleep(2)
    work.gate.set()
    await until(lambda: len(work.done) == 2)
    assert [delivered for _, delivered in work.done] == [1, 1]
    await queue.close()
    await nc.close()
