"""Reads the whole log and says whether it is what was written: chains, holes, the anchor, and the objects it names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from infra.eventstore.anchor import Anchor
from infra.eventstore.guard import gap, log_id_of, lost_of
from infra.eventstore.inventory import Inventory
from infra.eventstore.log import Damaged
from infra.eventstore.mapper import check_link
from infra.eventstore.reading import BATCH, Reader
from infra.eventstore.tails import Tails
from infra.gaps import Gaps

MOST_PROBLEMS = 100
NOT_DETECTED = (
    "a tail that was lost together with the anchor file and every read database that had seen it,"
    " and a forgery by somebody who holds the installation key"
)
"""What no witness can tell."""


@dataclass
class Verification:
    """How far it has come and what it found; final when ``done`` is ``total``."""

    total: int
    done: int = 0
    events: int = 0
    streams: int = 0
    digest: str = ""
    read: Anchor = field(default_factory=lambda: Anchor(""))
    """The anchor of what was read."""
    accepted: str = ""
    """Positions that are gone and whose loss was accepted, as ranges."""
    objects: int = 0
    """Objects that events name and that are there."""
    orphans: Sequence[str] = ()
    """Objects that no event names: their append never came. They harm nobody."""
    problems: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    """Those of the problems that say that the log is not the whole one: nothing may be written to it."""

    def lost(self, sentence: str) -> None:
        """Notes a loss."""
        self.problems.append(sentence)
        self.losses.append(sentence)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


async def verify(
    reader: Reader, anchor: Anchor | None, page_size: int = BATCH, objects: Inventory | None = None
) -> AsyncIterator[Verification]:
    """Yields its progress page by page and the verdict last; with ``objects``, those that events name are looked at."""
    report, rolling, anchor, lost = await _begun(reader, anchor, objects)
    tails = Tails()
    async for page in reader.pages("events.>", size=page_size):
        for record in page:
            name = str(record.originator_id)
            version, previous, at = tails.of(name)
            excused = bool(lost) and lost.touch(at, record.position)
            if record.position != report.done + 1 and not lost.hold(report.done + 1, record.position - 1):
                report.lost(f"{gap(report.done + 1, record.position - 1)} missing")
            if record.originator_version != version + 1 and not excused:
                report.problems.append(
                    f"position {record.position}, stream {name}: version {record.originator_version} follows {version}"
                )
            try:
                check_link(record, None if excused else previous)
            except Damaged as damage:
                report.problems.append(str(damage))
            report.problems += await objects.look(record) if objects else ()
            tails.put(name, record.originator_version, record.hash, record.position)
            rolling = rolling.after(record.position, record.hash)
            report.done = record.position
            if anchor and anchor.position == record.position and _differs(anchor, rolling):
                report.lost(f"the anchor at {anchor.position} does not fit the events up to there")
        report.events, report.streams, report.digest = rolling.count, len(tails), rolling.digest
        report.read = rolling
        if len(report.problems) > MOST_PROBLEMS:
            report.problems.append("more than a hundred problems: stopped looking")
            break
        yield report
    if anchor and anchor.position > report.done:
        report.lost(f"the log ends at {report.done}, the anchor stands at {anchor.position}")
    elif not lost.hold(report.done + 1, report.total) and len(report.problems) <= MOST_PROBLEMS:
        report.lost(f"{gap(report.done + 1, report.total)} missing")
    report.total = max(report.done, report.total)
    if objects:
        report.objects, report.orphans = len(objects.named), objects.orphans()
    yield report


async def _begun(
    reader: Reader, anchor: Anchor | None, objects: Inventory | None
) -> tuple[Verification, Anchor, Anchor | None, Gaps]:
    """The report, an anchor to roll along, the one to compare with, if it is of this log, and what may be missing."""
    if objects is not None:
        await objects.open()
    info = await reader.info()
    log_id = log_id_of(info)
    lost = lost_of(info)
    report = Verification(total=int(info["state"]["last_seq"]), accepted=str(lost))
    if anchor and anchor.log_id and anchor.log_id != log_id:
        report.lost(f"the anchor is of log {anchor.log_id}, this is log {log_id}")
        anchor = None
    return report, Anchor(log_id), anchor, lost


def _differs(anchor: Anchor, rolling: Anchor) -> bool:
    return (anchor.count, anchor.digest, anchor.hash) != (rolling.count, rolling.digest, rolling.hash)
