"""The vault's hourly sweep: rows whose event never came, because a process ended between the two."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection

from cozeloop.platform import Platform
from infra.vault.vault import Vault
from projections.projector import ReadModel
from projections.tokens.tokens import TOKENS, good_tokens
from projections.users.users import USERS, known_users
from projections.webhooks.webhooks import WEBHOOKS, known_webhooks

log = logging.getLogger("cozeloop.sweeping")

INTERVAL_SECONDS = 3600.0
CATCH_UP_SECONDS = 60.0

Query = Callable[[Connection, Sequence[str]], Collection[str]]


class ReadModelBehind(Exception):
    """The read model did not come to the log's end in time: who is unknown to it may be known to the log."""


async def sweep(platform: Platform, vault: Vault) -> int:
    """Removes orphaned rows and expired sessions; returns how many rows of the former.

    Raises ReadModelBehind, having removed none of the rows in question.
    """

    async def known(model: ReadModel, query: Query, ids: Sequence[str]) -> Collection[str]:
        end = await platform.log.end()
        if not await platform.positions.reached(model.name, end, CATCH_UP_SECONDS):
            raise ReadModelBehind(f"{model.name} is not at position {end}")
        return await platform.database.read(query, ids)

    return await vault.sweep(
        users=lambda ids: known(USERS, known_users, ids),
        tokens=lambda ids: known(TOKENS, good_tokens, ids),
        webhooks=lambda ids: known(WEBHOOKS, known_webhooks, ids),
    )


async def sweep_for_ever(platform: Platform, vault: Vault) -> None:
    """Sweeps now and every hour, until it is cancelled. A sweep that fails is logged, and the next one is tried."""
    while True:
        try:
            if swept := await sweep(platform, vault):
                log.info("removed %d rows of the vault whose event never came", swept)
        except Exception:
            log.warning("the vault was not swept; the next try is in an hour", exc_info=True)
        await asyncio.sleep(INTERVAL_SECONDS)
