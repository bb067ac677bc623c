"""An import performed: looked through, then added page by page, each behind the last one that is stored.

Whatever ends this process, the next one asks the read model how far the import has come and goes on from there. A page
that was stored without our knowing is refused when it is sent again, so no row is added twice and none is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson
from pydantic import TypeAdapter

from commands.command import Command
from commands.datasets.import_messages import AddImportedRows, BeginImport, EndImport, ImportOver, ImportPagePassed
from commands.datasets.messages import DatasetClosed, DatasetMissing, GivenRow
from cozeloop.contents import page_facts_for
from cozeloop.handling import Issued, Prepare, Receipt, fingerprint
from cozeloop.importing import Page, Survey, pages, survey
from cozeloop.importing.blocks import Open, pulled
from cozeloop.importing.text import UnreadableFile
from cozeloop.platform import FileDamaged, Platform
from cozeloop.uploads import pinned
from events.datasets import DatasetRowsImported, RefusedRow
from projections.datasets.rows import Row
from projections.imports.imports import IMPORTS, UNFINISHED, Status, get_import

log = logging.getLogger(__name__)

MALFORMED, FILE_FAULT = 5, 102
"""The contract's error types."""
GIVEN_ROWS = TypeAdapter(tuple[GivenRow, ...])
"""A page's rows made in one go: a fifth of what making each by itself takes."""


class Behind(Exception):
    """The read model did not show in time what was stored; worth another try."""


class PerformImport:
    """``await perform(job_id)`` brings an import to its end; what it raises says that it is to be tried again."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    @property
    def ask(self) -> Callable[..., Awaitable[Any]]:
        """One query on the read database."""
        return self.platform.database.read

    async def __call__(self, job_id: str) -> None:
        """Harmless for an import that is over."""
        row = await self.ask(get_import, job_id)
        if row is None or row["status"] not in UNFINISHED:
            return
        space = row["space_id"]
        log.info("import %s: from row %d", job_id, row["rows_read"])
        try:
            if row["status"] == Status.PENDING:
                row = await self._begin(row)
            while row["status"] == Status.RUNNING and not await self._add(row):
                row = await self.ask(get_import, job_id) or {"status": Status.CANCELLED}
        except UnreadableFile as fault:
            await self._end(row, "failed", MALFORMED, str(fault))
        except FileDamaged as fault:
            await self._end(row, "failed", FILE_FAULT, str(fault))
        except (DatasetClosed, DatasetMissing):
            await self._end(row, "failed", FILE_FAULT, "the dataset was deleted")
        except ImportOver:
            log.info("import %s was ended by somebody else", job_id)
        await self.platform.files.remove(space, pinned(job_id))

    async def _begin(self, row: Row) -> Row:
        """The file looked through; the import as it stands then."""
        found = await self._looked_through(row)
        command = BeginImport(**names(row), total=found.total, encoding=found.encoding)
        receipt = await self._issue(command, row, "begin")
        if receipt.position:
            await self._shown(receipt.position)
        begun: Row = await self.ask(get_import, row["job_id"])
        return begun

    async def _looked_through(self, row: Row) -> Survey:
        if await self.platform.files.size(row["space_id"], pinned(row["job_id"])) is None:
            raise FileDamaged("the file is gone")
        return await asyncio.to_thread(survey, self._opened(row), row["format"], sources(row))

    async def _add(self, row: Row) -> bool:
        """Adds pages from where the import stands; True when it is over, False when it stands elsewhere."""
        coming = pages(self._opened(row), row["format"], row["encoding"], sources(row), row["rows_read"])
        page = None if row["is_full"] else await self._next(coming)
        following: asyncio.Task[Page | None] | None = None
        try:
            while page is not None:
                following = asyncio.ensure_future(self._next(coming))
                receipt = await self._issue(
                    self._page(row, page), row, f"page {page.first}", prepare=page_facts_for(self)
                )
                stored = receipt.one(DatasetRowsImported)
                if stored is None or stored.progress.full:
                    break
                page = await following
        except ImportPagePassed:
            return False
        finally:
            if following is not None:
                await asyncio.wait([following])  # it reads the file in a thread that nothing can end
        await self._end(row, "completed")
        return True

    @staticmethod
    async def _next(coming: Iterator[Page]) -> Page | None:
        return await asyncio.to_thread(next, coming, None)

    def _page(self, row: Row, page: Page) -> AddImportedRows:
        ids = self.platform.ids.block(len(page.good)) if page.good else []
        targets = [(m["source"], m["target"]) for m in orjson.loads(row["mappings"])]
        rows = GIVEN_ROWS.validate_python(
            [
                {
                    "item_id": item_id,
                    "cells": [
                        {"name": target, "content": {"content_type": "Text", "text": text}}
                        for source, target in targets
                        if (text := found.values.get(source)) is not None
                    ],
                }
                for item_id, (_, found) in zip(ids, page.good, strict=True)
            ]
        )
        return AddImportedRows(
            **names(row),
            first=page.first,
            read=page.read,
            total=max(row["total"], page.first + page.read),
            rows=rows,
            places=tuple(place for place, _ in page.good),
            malformed=tuple(RefusedRow(index=n, type=bad.error, message=bad.message) for n, bad in page.bad),
            overwrite=bool(row["overwrites"]),
        )

    async def _end(self, row: Row, outcome: str, type_: int = 0, reason: str = "") -> None:
        command = EndImport(**names(row), outcome=outcome, type=type_, reason=reason)
        await self._issue(command, row, outcome)

    async def _issue(self, command: Command, row: Row, step: str, prepare: Prepare | None = None) -> Receipt:
        """By whom the import was asked for; the id of a step's command is always the same."""
        job_id = row["job_id"]
        issued = Issued(row["created_by"], fingerprint("import", job_id, step), correlation=job_id)
        return await self.platform.handle(command, issued, prepare)

    async def _shown(self, position: int) -> None:
        limit = self.platform.settings.read_wait_seconds
        if not await self.platform.positions.reached(IMPORTS.name, position, limit):
            raise Behind(f"read model {IMPORTS.name} has not come to position {position}")

    def _opened(self, row: Row) -> Open:
        space, name = row["space_id"], pinned(row["job_id"])
        return pulled(lambda: self.platform.files.read(space, name), asyncio.get_running_loop())


def names(row: Row) -> dict[str, str]:
    """What every command of an import says."""
    return {name: row[name] for name in ("space_id", "job_id", "dataset_id")}


def sources(row: Row) -> list[str]:
    """The columns of the file that fill something."""
    return list(dict.fromkeys(m["source"] for m in orjson.loads(row["mappings"])))
