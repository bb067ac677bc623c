"""What performs imports: it follows the feed, and reads files in threads."""

from __future__ import annotations

from collections.abc import Sequence

from cozeloop.bootstrap.core import Core
from cozeloop.work.imports import PerformImport
from cozeloop.workflows.imports import ImportRuns
from projections.imports.imports import unfinished_imports


def open_imports(core: Core, end: int) -> ImportRuns:
    """Follows from the log's end; `begin_imports` when the read models have come so far."""

    async def unfinished() -> Sequence[str]:
        return await core.database.read(unfinished_imports)

    return ImportRuns(end, PerformImport(core.process.platform), unfinished)


async def begin_imports(core: Core, imports: ImportRuns) -> None:
    """Goes on with what is unfinished, and with what is asked for."""
    await imports.live()
    core.process.run(imports.perform())
