import asyncio

from infra.nats.ending import ended


async def test_a_task_that_swallows_its_cancellation_is_ended_all_the_same():
    swallowed = []

    async def stubborn():
        while len(swallowed) < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append(1)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await ended(task)
    assert task.done()
    assert len(swallowed) == 3
