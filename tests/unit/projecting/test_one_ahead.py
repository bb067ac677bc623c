"""Reading ahead: one is made while another is taken, in the same order, and nothing is left when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from cozeloop.following import one_ahead


async def test_the_next_one_is_made_while_one_is_taken_and_no_further() -> None:
    made: list[int] = []

    async def numbers() -> AsyncGenerator[int]:
        for number in range(5):
            made.append(number)
            yield number

    async with aclosing(one_ahead(numbers())) as ahead:
        assert await anext(ahead) == 0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert made == [0, 1]
        assert [number async for number in ahead] == [1, 2, 3, 4]


async def test_what_making_raises_comes_after_the_ones_before_were_taken() -> None:
    async def numbers() -> AsyncGenerator[int]:
        yield 1
        raise LookupError("a hole")

    ahead = one_ahead(numbers())
    assert await anext(ahead) == 1
    await asyncio.sleep(0)
    with pytest.raises(LookupError, match="a hole"):
        await anext(ahead)


async def test_what_is_being_made_ends_with_the_reader() -> None:
    ended: list[str] = []

    async def numbers() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.append("closed")

    ahead = one_ahead(numbers())
    assert await anext(ahead) == 1
    await asyncio.sleep(0)
    await ahead.aclose()
    assert ended == ["closed"]


async def test_a_cancelled_reader_ends_what_is_being_made() -> None:
    ended: list[str] = []

    async def numbers() -> AsyncGenerator[int]:
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            ended.append("closed")

    async def read() -> None:
        async with aclosing(one_ahead(numbers())) as ahead:
            await anext(ahead)

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["closed"]
