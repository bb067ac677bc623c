"""Whatever is asked of an experiment, in whatever order, and wherever its process manager dies, these hold.

Decider, process manager, its tables and the read models are the real ones. What stands for the rest: a list for the
log, a dictionary for the queue, and workers that may hold any task that was ever published, as long as they like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.command import Command, Context, Refusal
from commands.experiments import DECIDERS
from commands.experiments.experiment import step_stream
from commands.experiments.messages import ExpireRun, KillExperiment, RetryExperiment
from cozeloop.api.experiments.retries import bits
from cozeloop.handling import Issued, Receipt
from cozeloop.work.tasks import ItemTask
from cozeloop.workflows import states
from cozeloop.workflows.runtime import ExperimentRuns
from events.event import Event, Recorded
from events.experiments import (
    ExperimentRetried,
    ExperimentSubmitted,
    RunCompleted,
    RunExpired,
    RunTerminated,
    TargetFailed,
)
from projections.experiments import EXPERIMENTS, OUTCOMES, RUNS, TALLIES
from projections.experiments.experiments import get_experiments
from projections.experiments.results import Wanted, progress, score_counts, standing_of, tokens_used
from projections.experiments.tallies import tallies
from tests.projected import BEGIN, Projected
from tests.unit.experiments.examples import (
    EXPERIMENT,
    PROMPT,
    SPACE,
    STREAM,
    answered,
    run_of,
    scored,
    submitted,
    unanswered,
    unscored,
)

ITEMS = 2
LIFE_MS = 1000
ENDS = RunCompleted | RunTerminated | RunExpired
SUCCESS, FAILED, TERMINATED = 11, 12, 13


class Experimenting:
    """One experiment of two items, a target and an evaluator."""

    def __init__(self) -> None:
        self.world = Projected(EXPERIMENTS, RUNS, OUTCOMES, TALLIES)
        self.database = OneConnection()
        self.seen: set[str] = set()
        self.clock = BEGIN
        self.published: list[ItemTask] = []
        self.restart()
        self.submit()

    @property
    def log(self) -> list[Recorded[Any]]:
        return self.world._history.recorded

    # --- what happens ---

    def submit(self) -> None:
        deadline = int(BEGIN.timestamp() * 1000) + LIFE_MS * 50
        event = submitted(item_count=ITEMS, prompt=PROMPT).model_copy(update={"deadline": deadline})
        self.append(STREAM, event)

    def retry(self, mode: str, items: set[int]) -> None:
        row = self.row()
        standing = self.world.query(standing_of, self.wanted())
        chosen = {"all": set(range(ITEMS)), "failures": set(range(ITEMS)) - standing.succeeded, "items": items}[mode]
        settled = [run_id for run_id, busy in standing.busy.items() if not busy & chosen]
        command = RetryExperiment(
            space_id=SPACE,
            experiment_id=EXPERIMENT,
            run_id=run_of(row["runs"] + 1),
            mode=mode,
            items=bits(chosen),
            settled_in=tuple(settled),
            longest_life_ms=LIFE_MS,
        )
        self.ask(command)

    def kill(self) -> None:
        self.ask(KillExperiment(space_id=SPACE, experiment_id=EXPERIMENT))

    def time_passes(self, seconds: int) -> None:
        self.clock += timedelta(seconds=seconds)
        if self.runs._live:
            finished(self.runs.expire(int(self.clock.timestamp() * 1000)))

    def follow(self, events: int) -> None:
        self.feed(self.runs.position + events)

    def perform(self, effects: int) -> None:
        for _ in range(min(effects, self.runs._effects.qsize())):
            id_, effect = self.runs._effects.get_nowait()
            finished(self.runs._perform(id_, effect))

    def work(self, *good: bool) -> None:
        """Workers put the outcomes of whatever task was ever published: some have held theirs for long."""
        for task in self.published[::-1]:
            for step in (0, 1):
                self.outcome(task, step, good[2 * task.items[0][0] + step])

    def die(self) -> None:
        """The process ends: effects and queue are lost, state is what was saved."""
        self.restart()

    def lose_the_queue(self) -> None:
        self.queue.clear()
        if self.runs._live:
            finished(self.runs.live())

    # --- what holds ---

    def read_models_show_the_newest_result_of_each_item(self) -> None:
        results = oracle(self.log)
        good = {item for item, fine in results.items() if fine}
        standing = self.world.query(standing_of, self.wanted())
        assert (standing.succeeded, standing.failed) == (good, results.keys() - good)
        shown = self.world.query(progress, self.wanted())
        busy = set().union(*standing.busy.values()) if standing.busy else set()
        assert (shown.succeeded, shown.failed, shown.busy) == (
            len(good - busy),
            len(results.keys() - good - busy),
            len(busy),
        )
        counts = self.world.query(score_counts, self.wanted())
        assert sum(count for _, _, count in counts) >= len(good)
        if self.wanted().runs == 1:
            [tally] = self.world.query(tallies, [self.row()["run_id"]]).values()
            assert (tally.scores, tally.tokens) == (counts, self.world.query(tokens_used, self.wanted()))
            assert tally.under_way == bool(standing.busy)

    def the_experiment_is_under_way_while_any_run_is(self) -> None:
        begun = {r.event.run_id for r in self.log if isinstance(r.event, ExperimentSubmitted | ExperimentRetried)}
        ended = [r.event for r in self.log if isinstance(r.event, ENDS)]
        assert len({e.run_id for e in ended}) == len(ended), "a run ends once"
        assert (self.row()["status"] < 11 or self.row()["status"] == 15) == bool(begun - {e.run_id for e in ended})

    def come_to_an_end(self) -> None:
        """Workers do what is queued, the process manager what there is to do, until nothing is left."""
        for _ in range(100):
            if not self.pending():
                break
            self.feed(len(self.log))
            while self.runs._effects.qsize():
                self.perform(1)
            for tasks in list(self.queue.values()):
                for task in list(tasks.values()):
                    for step in (0, 1):
                        for item in range(len(task.items)):
                            self.outcome(task, step, True, item)
        assert not self.pending(), "it never ends"

    def what_ended_is_whole(self) -> None:
        """The status is that of the last run, and what was saved is what the log says."""
        status = self.row()["status"]
        last = next(r.event for r in reversed(self.log) if isinstance(r.event, ENDS))
        good = {item for item, fine in oracle(self.log).items() if fine}
        if isinstance(last, RunCompleted):
            assert (last.succeeded, last.failed) == (len(good), ITEMS - len(good))
            assert status == (SUCCESS if len(good) == ITEMS else FAILED)
        else:
            assert status == (TERMINATED if isinstance(last, RunTerminated) else FAILED)
        assert not any(self.queue.values()), "a queue is left of a run that is over"
        fresh = OneConnection()
        anew = ExperimentRuns(fresh, refuse, Published(self, {}), rows)
        finished(anew.open())
        finished(anew.apply(self.log))
        [grown] = self.database.now(states.find, [EXPERIMENT])
        [folded] = fresh.now(states.find, [EXPERIMENT])
        assert grown == folded
        assert grown.succeeded == int(bits(good), 16)
        self.database.engine.dispose()
        fresh.engine.dispose()

    # --- how ---

    def restart(self) -> None:
        self.queue: dict[str, dict[str, ItemTask]] = {}
        self.runs = ExperimentRuns(self.database, self.handle, Published(self, self.queue), rows)
        finished(self.runs.open())

    def pending(self) -> bool:
        return bool(
            self.row()["status"] in (2, 3, 15) or self.runs.position < len(self.log) or self.runs._effects.qsize()
        )

    def feed(self, until: int) -> None:
        news = self.log[self.runs.position : until]
        if news:
            finished(self.runs.apply(news))
        if not self.runs._live and self.runs.position == len(self.log):
            finished(self.runs.live())

    def append(self, stream: Any, event: Event) -> None:
        self.world.happened(stream, event, at=self.clock)

    def outcome(self, task: ItemTask, step: int, good: bool, item: int = 0) -> None:
        index, number = task.items[item][0], int(task.run_id) - int(run_of(1)) + 1
        stream = step_stream(SPACE, task.run_id, task.items[item][1], step)
        if any(r.stream == stream for r in self.log):
            return
        target = next(
            (r.event for r in self.log if r.stream == step_stream(SPACE, task.run_id, str(1000 + index), 0)), None
        )
        if step and (target is None or isinstance(target, TargetFailed)):
            return
        made = ((unanswered, answered), (unscored, scored))[step][good]
        self.append(stream, made(index, run=number))

    def ask(self, command: Command) -> None:
        decider = DECIDERS[type(command)]
        state = decider.initial
        for recorded in self.log:
            if recorded.stream == STREAM:
                state = decider.evolve(state, recorded.event)
        try:
            decided = decider.decide(state, command, Context(now=self.clock, actor="1"))
        except Refusal:
            return
        for event in decided:
            assert isinstance(event, Event)
            self.append(STREAM, event)

    async def handle(self, command: Command, issued: Issued) -> Receipt:
        before = len(self.log)
        if issued.command_id not in self.seen:
            self.ask(command)
        if len(self.log) > before:
            self.seen.add(issued.command_id)
        assert not isinstance(command, ExpireRun) or self.clock > BEGIN
        return Receipt(issued.command_id, len(self.log), ())

    def row(self) -> Mapping[str, Any]:
        [row] = self.world.query(get_experiments, [EXPERIMENT])
        return row

    def wanted(self) -> Wanted:
        return Wanted(EXPERIMENT, ITEMS, 2, self.row()["runs"])


class Published:
    """The queue: what is there already is refused."""

    def __init__(self, machine: Experimenting, queue: dict[str, dict[str, ItemTask]]) -> None:
        self._machine = machine
        self._queue = queue

    async def begin(self, run_id: str, concurrency: int) -> None:
        self._queue.setdefault(run_id, {})

    async def publish(self, run_id: str, tasks: Mapping[str, bytes]) -> int:
        made = {name: ItemTask.model_validate_json(data) for name, data in tasks.items()}
        new = {name: task for name, task in made.items() if name not in self._queue[run_id]}
        self._queue[run_id].update(new)
        self._machine.published.extend(new.values())
        return len(new)

    async def end(self, run_id: str) -> None:
        self._queue.pop(run_id, None)


class OneConnection:
    """A database of its own in memory."""

    def __init__(self) -> None:
        from sqlalchemy import StaticPool, create_engine

        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})

    def now(self, work: Any, *args: Any) -> Any:
        with self.engine.begin() as conn:
            return work(conn, *args)

    async def read(self, work: Any, *args: Any) -> Any:
        return self.now(work, *args)

    write = read


def oracle(log: Sequence[Recorded[Any]]) -> dict[int, bool]:
    """Each ended item's result, straight from what a result is said to be."""
    numbers: dict[str, int] = {}
    ended: set[str] = set()
    steps: dict[tuple[str, int], list[Event]] = {}
    found: dict[int, tuple[int, bool]] = {}
    for recorded in log:
        event = recorded.event
        if isinstance(event, ExperimentSubmitted | ExperimentRetried):
            numbers[event.run_id] = getattr(event, "number", 1)
        elif isinstance(event, ENDS):
            ended.add(event.run_id)
        elif hasattr(event, "item_index") and event.run_id not in ended:
            outcomes = steps.setdefault((event.run_id, event.item_index), [])
            outcomes.append(event)
            if isinstance(event, TargetFailed) or len(outcomes) == 2:
                good = not any("Failed" in type(o).__name__ for o in outcomes)
                result = (numbers[event.run_id], good)
                found[event.item_index] = max(found.get(event.item_index, (0, False)), result)
    return {item: good for item, (_, good) in found.items()}


async def rows(dataset_id: str, revision: int) -> Sequence[tuple[str, int, int]]:
    return [(str(1000 + index), 1, index) for index in range(ITEMS)]


async def refuse(*_: Any) -> Any:
    raise AssertionError("the past is folded without an effect")


def finished(work: Any) -> Any:
    """What a coroutine that waits for nobody gives."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


STAGES = 7
disturbances = st.sampled_from(
    [(), (), (), ("die",), ("die",), ("lose_the_queue",), ("kill",), ("time_passes", 2), ("follow", 1), ("perform", 1)]
)
chapters = st.tuples(
    st.sampled_from(["all", "failures", "items"]),
    st.sampled_from([{0}, {1}, {0, 1}]),
    st.tuples(*[st.booleans()] * 2 * ITEMS),
    st.tuples(*[disturbances] * STAGES),
    st.booleans(),
)


@given(st.tuples(chapters, chapters, chapters, chapters))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_every_run_ends_once_and_an_items_newest_result_counts(history):
    machine = Experimenting()
    for number, (mode, items, good, disturbed, to_the_end) in enumerate(history):
        begin = ("retry", mode, items) if number else ("follow", 0)
        on, act = ("follow", 100), ("perform", 100)
        for (name, *how), before in zip((begin, on, act, ("work", *good), on, act, on), disturbed, strict=True):
            if before:
                getattr(machine, before[0])(*before[1:])
            getattr(machine, name)(*how)
            machine.read_models_show_the_newest_result_of_each_item()
            machine.the_experiment_is_under_way_while_any_run_is()
        if to_the_end:
            machine.come_to_an_end()
    machine.come_to_an_end()
    machine.read_models_show_the_newest_result_of_each_item()
    machine.what_ended_is_whole()
