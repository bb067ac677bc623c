"""Commands of prompts through the handler of a process, and what the log holds of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from commands import DECIDERS
from commands.prompts.messages import CreatePrompt, DeletePrompt, RenamePrompt
from cozeloop.handling import CommandHandler, Issued, Receipt
from infra.eventstore.jetstream_log import JetStreamLog

SPACE = "7"


class SeenInLog:
    """Where command ids were seen, read from the log itself."""

    def __init__(self, log: JetStreamLog) -> None:
        self._log = log
        self.asked = 0

    async def find(self, command_id: str) -> tuple[int, str] | None:
        self.asked += 1
        found = [r for r in await every_event(self._log) if r.meta.command_id == command_id]
        return (found[-1].position, found[-1].meta.command_digest) if found else None


def handler(log: JetStreamLog, commands: Any = None) -> CommandHandler:
    """As a process has it."""
    return CommandHandler(log, DECIDERS, lambda: datetime(2025, 1, 1, tzinfo=UTC), commands or SeenInLog(log))


def create(prompt_id: str, key: str = "key") -> CreatePrompt:
    """A prompt under a key."""
    digest = key.encode().hex()
    return CreatePrompt(space_id=SPACE, prompt_id=prompt_id, prompt_key=key, name=key, key_reservation=digest)


def rename(prompt_id: str, name: str) -> RenamePrompt:
    """Another name."""
    return RenamePrompt(space_id=SPACE, prompt_id=prompt_id, name=name)


def delete(prompt_id: str) -> DeletePrompt:
    """The prompt goes."""
    return DeletePrompt(space_id=SPACE, prompt_id=prompt_id)


def keyed(command_id: str, digest: str = "d") -> Issued:
    """Issued under an id that the caller chose."""
    return Issued(actor="9", command_id=command_id, digest=digest, keyed=True)


async def every_event(log: JetStreamLog) -> list[Any]:
    """The whole log."""
    found: list[Any] = []
    while page := await log.read_all(found[-1].position if found else 0, 1000):
        found += page
    return found


async def effects(log: JetStreamLog) -> Counter[tuple[str, str]]:
    """(command id, event type) -> how often it was stored."""
    return Counter((r.meta.command_id, type(r.event).__name__) for r in await every_event(log))


def told(receipt: Receipt) -> tuple[Any, ...]:
    """Everything of a receipt that an answer may be made of."""
    return (receipt.command_id, receipt.position, [(r.position, r.hash, r.event) for r in receipt.events])
