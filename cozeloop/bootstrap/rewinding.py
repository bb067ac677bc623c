"""The log of a backup brought to where it is to end: its last whole batch, or an earlier position that was asked for.

A backup of a running platform may end within a batch, of which nothing was acknowledged: what is there of it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cozeloop.backup.archive import ArchiveUnusable
from cozeloop.backup.making import EVENTS
from infra.eventstore.anchor import Anchor, rolled
from infra.eventstore.as_of import whole
from infra.eventstore.guard import FOLLOWS_AT, LOST, lost_of
from infra.eventstore.log import BeyondEnd, Damaged
from infra.eventstore.reading import Reader
from infra.eventstore.verify import verify
from infra.messaging.cutting import StoreNotUnderstood, cut_files, cut_since
from infra.messaging.drafts import STREAM as DRAFTS
from infra.messaging.spans import STREAM as SPANS
from infra.messaging.streams import Client, told_log


@dataclass(frozen=True)
class Ending:
    """Where a log ends, where it is to end, and the anchor that what is left has to fit.

    ``time``: what is newer goes from drafts and spans as well; None when the backup is restored whole.
    """

    end: int
    last: int
    witness: Anchor
    time: datetime | None

    def cut(self, store: Path) -> None:
        """Takes off what is too much, of a stopped server's store; raises ArchiveUnusable."""
        try:
            if self.last < self.end:
                cut_files(store, EVENTS, self.last)
        except StoreNotUnderstood as error:
            raise ArchiveUnusable(f"the log cannot be cut behind {self.last}: {error}") from error

    async def tell(self, reader: Reader, admin: Client) -> str:
        """Notes in the log where it continues the old one, and cuts the other streams; what was done, in a sentence."""
        lost = lost_of(await reader.info()).upto(self.last)
        await told_log(admin, {FOLLOWS_AT: str(self.last), LOST: str(lost)})
        if self.time is None:
            return f"cut behind {self.last}: a batch that was being written" if self.last < self.end else ""
        drafts, spans = [await cut_since(admin, stream, self.time) for stream in (DRAFTS, SPANS)]
        return (
            f"cut behind {self.last}: {self.end - self.last} events, and what is newer than {self.time.isoformat()}:"
            f" {drafts} revisions of drafts, {spans} batches of spans"
        )


async def ending(reader: Reader, witness: Anchor, position: int | None, time: datetime | None) -> Ending:
    """Where the log is to end: at the last whole batch up to a position or time.

    When that is before the witness, the log is verified whole, for nobody can do so afterwards. Raises ArchiveUnusable.
    """
    end = int((await reader.info())["state"]["last_seq"])
    try:
        last = await whole(reader, position, time)
        record = await reader.at(last) if last else None
    except (BeyondEnd, Damaged) as error:
        raise ArchiveUnusable(f"the backup cannot be restored up to there: {error}") from error
    if end and record is None:
        raise ArchiveUnusable("the backup cannot be restored up to there: no event is so old")
    if position is not None and record is not None:
        time = record.recorded_at
    if last < witness.position:
        async for report in verify(reader, witness):
            problems = report.problems
        if problems:
            raise ArchiveUnusable(f"the backup is not whole, nothing was switched: {'; '.join(problems[:3])}")
        witness = await rolled(Anchor(witness.log_id), last, reader)
    return Ending(end, last, witness, time)
