"""Read side of traces: the table of spans in ClickHouse, who writes it, and what may be asked of it."""

from collections.abc import Sequence

from projections.projector import ReadModel

READ_MODELS: Sequence[ReadModel] = ()
"""None in the relational database."""
