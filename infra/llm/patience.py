"""Models for whoever would rather wait than fail: a worker's task has nobody who waits for its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.llm.port import Chat, Delta, Models, Reply


@dataclass(frozen=True)
class PatientModels:
    """The same models; each call waits up to ``seconds`` for its quota, unless it says itself how long."""

    models: Models
    seconds: float

    def list(self, space_id: str, scenario: str) -> Sequence[Mapping[str, Any]]:
        """As the models say."""
        return self.models.list(space_id, scenario)

    def get(self, model_id: str, space_id: str | None = None) -> Mapping[str, Any] | None:
        """As the models say."""
        return self.models.get(model_id, space_id)

    async def chat(self, call: Chat) -> Reply:
        """One answer, after its turn has come."""
        return await self.models.chat(self._patient(call))

    def stream(self, call: Chat) -> AsyncIterator[Delta]:
        """An answer as it is made, after its turn has come."""
        return self.models.stream(self._patient(call))

    def _patient(self, call: Chat) -> Chat:
        return call if call.patience else replace(call, patience=self.seconds)
