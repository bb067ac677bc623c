"""Loss is noticed before anything is written: what witnesses remember of the log must still be there.

After a flipped byte the server drops a record, and after kill -9 it truncates there and uses the sequences again.
So each read database, the anchor file and this process itself remember (log id, position, hash), and a writing
connection is opened only when the log still holds every one of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from infra.eventstore.log import LossNoticed
from infra.eventstore.reading import Reader
from infra.gaps import Gaps


@dataclass(frozen=True)
class Stand:
    """What one witness remembers: at ``position`` of log ``log_id`` lay the event with this hash."""

    who: str
    log_id: str
    position: int
    hash: str


FOLLOWS = "follows"
"""In the stream's metadata: the id of the log that this one continues, from a backup or after an accepted loss."""
FOLLOWS_AT = "follows_at"
"""As above: the last position that both have."""

LOST = "lost"
"""As above: the positions whose loss was accepted, as ranges."""

Witness = Callable[[], Awaitable[Sequence[Stand]]]


ADVICE = (
    "Nothing is written from now on; what was read before can still be read."
    " See what is left with `cozeloop verify`, and restore the data directory from a backup;"
    " without one, `cozeloop doctor --accept-loss` goes on with what is left."
)


async def check(reader: Reader, witnesses: Sequence[Witness]) -> str:
    """The log's id when every witness agrees with the log; raises LossNoticed otherwise."""
    info = await reader.info()
    log_id = log_id_of(info)
    end = int(info["state"]["last_seq"])
    for witness in witnesses:
        for stand in await witness():
            if stand.position == 0:
                continue
            if stand.log_id and stand.log_id != log_id:
                raise LossNoticed(f"{stand.who} follows log {stand.log_id}, but this is log {log_id}. {ADVICE}")
            if stand.position > end:
                raise LossNoticed(
                    f"the event log ends at {end}, but {stand.who} stands at {stand.position}:"
                    f" {gap(end + 1, stand.position)} gone. {ADVICE}"
                )
            record = await reader.at(stand.position)
            if record is None or (stand.hash and record.hash != stand.hash):
                what = "no event" if record is None else "another event"
                raise LossNoticed(f"{stand.who} saw an event at {stand.position}, the log holds {what} there. {ADVICE}")
    return log_id


def gap(first: int, last: int) -> str:
    """Positions of a gap, with its verb."""
    return f"position {first} is" if first == last else f"positions {first} to {last} are"


def name_of(info: dict[str, object]) -> str:
    """What the log's positions are called: ``events``, or one of its own for a log that follows another.

    A position of the one is none of the other: the numbers may be the same, the events are not.
    """
    config = info["config"]
    assert isinstance(config, dict)
    follows = (config.get("metadata") or {}).get(FOLLOWS)
    return f"events-{log_id_of(info)[:8]}" if follows else "events"


def lost_of(info: dict[str, object]) -> Gaps:
    """The positions whose loss was accepted."""
    config = info["config"]
    assert isinstance(config, dict)
    return Gaps.parse((config.get("metadata") or {}).get(LOST, ""))


def log_id_of(info: dict[str, object]) -> str:
    """The log's id, made with the stream and kept in its metadata."""
    config = info["config"]
    assert isinstance(config, dict)
    return str((config.get("metadata") or {}).get("log_id", ""))
