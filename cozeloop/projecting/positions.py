"""How far each read model of this process has come, and who waits for one to come further."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable


class ModelPositions:
    """The port `cozeloop.platform.Positions`: fed by the projection after each commit. For one event loop."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._changed: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}
        self._resting: dict[str, asyncio.Future[None]] = {}

    def of(self, model: str) -> int:
        """The position that the model has come to; 0 before it is known."""
        return self._at.get(model, 0)

    def changed(self, model: str) -> int:
        """The position of the last batch that changed rows of the model; rows read since then still hold."""
        return self._changed.get(model, 0)

    def post(self, models: Iterable[str], position: int, unchanged: Container[str] = ()) -> None:
        """The models stand at this position now, those named ``unchanged`` with the same rows as before.

        Wakes those who waited for it.
        """
        for model in models:
            self._at[model] = position
            if model not in unchanged:
                self._changed[model] = position
            if waiting := self._waiting.get(model):
                self._waiting[model] = still = [w for w in waiting if w[0] > position]
                for wanted, future in waiting:
                    if wanted <= position and not future.done():
                        future.set_result(None)
                if not still:
                    del self._waiting[model]

    async def reached(self, model: str, position: int, timeout: float) -> bool:
        """True as soon as the model stands at or past the position; False after ``timeout`` seconds."""
        if self.of(model) >= position:
            return True
        if timeout <= 0:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (position, future)
        self._waiting.setdefault(model, []).append(entry)
        if (rest := self._resting.get(model)) is not None and not rest.done():
            rest.set_result(None)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            waiting = self._waiting.get(model, [])
            if entry in waiting:
                waiting.remove(entry)
        return True

    async def wanted(self, model: str, timeout: float) -> bool:
        """True as soon as somebody waits for the model to come further; False after ``timeout`` seconds.

        For the one who moves the model: it may rest so long without keeping anybody.
        """
        if self._waiting.get(model):
            return True
        self._resting[model] = rest = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                await rest
        except TimeoutError:
            return False
        finally:
            del self._resting[model]
        return True
