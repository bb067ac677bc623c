"""Tasks for workers: one message per task in memory, handed out at most ``concurrency`` at once per run.

The queue may be lost with the server's memory and is then filled again from the log: a task that is queued or under
way is refused, so publishing all that is unsettled is exact (engine-facts §2).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from infra.messaging.pulling import Perform, Pulls
from infra.messaging.streams import NOT_FOUND, ensure_work
from infra.nats.connecting import JetStreamAway, JetStreamRefused, ask
from infra.nats.ending import ended

log = logging.getLogger(__name__)

__all__ = ["Perform", "WorkQueue"]

ACK_WAIT_SECONDS = 20.0
TICKS = 20
"""How often within ``ack_wait`` the queue is looked after."""
HEARTBEAT_TICKS = 5
PUBLISHED_AT_ONCE = 256
BEGUN = "workers.begun"
"""Where a run's begin is announced to the workers of other processes."""
FULL = 10077
"""The server's code for a subject that holds its one message already."""
NO_CONSUMER = 10014


class WorkQueue:
    """The queue as process managers and workers of one process see it.

    ``on_lost`` is awaited when the queue turns out to be another one than before: all that is unsettled is to be
    published again. Without ``perform`` this process queues tasks and works on none. A task of a worker that died
    comes back after ``ack_wait`` seconds; heartbeats go out four times within it.
    """

    def __init__(
        self,
        nc: Client,
        perform: Perform | None = None,
        slots: int = 64,
        *,
        on_lost: Callable[[], Awaitable[None]] | None = None,
        ack_wait: float = ACK_WAIT_SECONDS,
    ) -> None:
        self._nc = nc
        self._on_lost = on_lost
        self._ack_wait = ack_wait
        self._pulls = Pulls(nc, perform, slots) if perform else None
        self._made = ""
        self._reconnects = 0
        self._keeping: asyncio.Task[None] | None = None

    @property
    def performed(self) -> int:
        """Tasks performed by this process."""
        return self._pulls.performed if self._pulls else 0

    async def open(self) -> None:
        """Works on every run that has begun or begins, in whatever process."""
        self._made = await ensure_work(self._nc)
        self._reconnects = self._nc.stats["reconnects"]
        if self._pulls:
            await self._pulls.open()
            await self._nc.subscribe(BEGUN, cb=self._begun)
            await self._pulls.work_on(await self._runs())
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="keep-work-queue")

    async def close(self) -> None:
        """Takes no further task and leaves those under way to be handed out again."""
        if self._keeping:
            await ended(self._keeping)
        if self._pulls:
            await self._pulls.close()

    async def begin(self, run_id: str, concurrency: int) -> None:
        """The run's consumer exists and hands out at most ``concurrency`` tasks at once; also changes the number."""
        await ensure_work(self._nc)
        config = {
            "durable_name": f"r{run_id}",
            "filter_subject": f"work.{run_id}.>",
            "ack_policy": "explicit",
            "ack_wait": int(self._ack_wait * 1e9),
            "max_ack_pending": concurrency,
            "max_deliver": -1,
            "mem_storage": True,
            "num_replicas": 1,
        }
        body = {"stream_name": "WORK", "config": config}
        await ask(self._nc, f"$JS.API.CONSUMER.DURABLE.CREATE.WORK.r{run_id}", body)
        if self._pulls:
            await self._pulls.add(run_id)
        await self._nc.publish(BEGUN, run_id.encode())

    async def publish(self, run_id: str, tasks: Mapping[str, bytes]) -> int:
        """Queues tasks by name; those that are queued or under way already are refused. Returns how many were taken."""
        names = list(tasks)
        taken = 0
        for first in range(0, len(names), PUBLISHED_AT_ONCE):
            some = names[first : first + PUBLISHED_AT_ONCE]
            taken += sum(await asyncio.gather(*(self._publish(run_id, name, tasks[name]) for name in some)))
        return taken

    async def end(self, run_id: str) -> None:
        """No task and no consumer of the run are left; harmless when there were none."""
        if self._pulls:
            self._pulls.drop(run_id)
        for request, body in (
            ("STREAM.PURGE.WORK", {"filter": f"work.{run_id}.>"}),
            (f"CONSUMER.DELETE.WORK.r{run_id}", None),
        ):
            try:
                await ask(self._nc, f"$JS.API.{request}", body)
            except JetStreamRefused as refusal:
                if refusal.err_code not in (NOT_FOUND, NO_CONSUMER):
                    raise

    async def again(self) -> None:
        """After a reconnect: asks for every run anew, and reports a queue that was lost."""
        made = await ensure_work(self._nc)
        if self._pulls:
            await self._pulls.again()
        if made != self._made:
            log.warning("the queue of tasks was lost and is filled again")
            if self._on_lost:
                await self._on_lost()
            self._made = made

    async def _publish(self, run_id: str, name: str, data: bytes) -> bool:
        subject = f"work.{run_id}.{name}"
        try:
            reply = await self._nc.request(subject, data, timeout=10)
        except NatsError as error:
            raise JetStreamAway(f"{subject}: {error}") from error
        refused = orjson.loads(reply.data).get("error")
        if refused is None:
            return True
        if refused.get("err_code") == FULL:
            return False
        raise JetStreamRefused(subject, refused)

    async def _begun(self, msg: Msg) -> None:
        if self._pulls:
            await self._pulls.add(msg.data.decode())

    async def _runs(self) -> set[str]:
        """Every run that has a consumer."""
        found: set[str] = set()
        while True:
            answer = await ask(self._nc, "$JS.API.CONSUMER.NAMES.WORK", {"offset": len(found)})
            names = [name[1:] for name in answer["consumers"] or () if name.startswith("r")]
            found.update(names)
            if not names or len(found) >= answer["total"]:
                return found

    async def _keep(self) -> None:
        """Heartbeats, and every few seconds a look at whether queue and runs are still those that are known."""
        tick = 0
        while True:
            await asyncio.sleep(self._ack_wait / TICKS)
            tick += 1
            try:
                if tick % HEARTBEAT_TICKS == 0 and self._pulls:
                    await self._pulls.beat()
                    await self._pulls.work_on(await self._runs())
                reconnects = self._nc.stats["reconnects"]
                if reconnects != self._reconnects or tick % HEARTBEAT_TICKS == 0:
                    await self._look(reconnects)
            except (JetStreamAway, JetStreamRefused, NatsError) as error:
                log.info("the queue of tasks is away: %s", error)
            except Exception:
                log.exception("the queue of tasks is not looked after")

    async def _look(self, reconnects: int) -> None:
        if reconnects != self._reconnects or await ensure_work(self._nc) != self._made:
            await self.again()
            self._reconnects = reconnects
