"""The hashes of a whole content, many lines at a time: the database puts the lines together, not this process.

A row that crosses into Python costs as much as a hundred that are joined in the database, and holds up whatever else
wants to run. So a page comes as one text, from an index alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, bindparam, func, select

from infra.sql import dialect as sql
from projections.datasets.rows import DATASET_ROWS, there

PAGE = 4096
"""Lines of a page: a few milliseconds of work, and within `sql.JOINED_BYTES`."""


class LinesMissing(Exception):
    """The database joined fewer lines than there are: it has a limit on texts that is not ours."""


def hash_lines(conn: Connection, dataset_id: str, revision: int | None, size: int = PAGE) -> Iterator[list[str]]:
    """``item_id:hash`` of every row at a revision (None = the draft), ids rising as numbers, ``size`` at once.

    To be read to its end within the query that the connection is for. Raises LinesMissing.
    """
    t = DATASET_ROWS.live(conn)
    digits = func.length(t.c.item_id)
    held = there(t, dataset_id, revision)
    lengths = sorted(conn.scalars(select(digits).where(held).distinct()))
    for length in lengths:
        alike = held if len(lengths) == 1 else and_(held, digits == length)
        rows = select(t.c.item_id, t.c.hash).where(alike, t.c.item_id > bindparam("after")).order_by(t.c.item_id)
        within = rows.limit(size).subquery()
        joined = sql.joined(within.c.item_id + ":" + within.c.hash, "\n")
        page = select(func.count(), func.max(within.c.item_id), joined)
        count, last = size, ""
        while count == size:
            count, last, text = conn.execute(page, {"after": last}).one()
            if count:
                lines = text.split("\n")
                if len(lines) != count:
                    raise LinesMissing(f"{len(lines)} of {count} lines of dataset {dataset_id}")
                lines.sort()  # no database promises in which order it joins
                yield lines
