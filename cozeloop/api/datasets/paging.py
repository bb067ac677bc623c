"""Pages and orders as data and evaluation have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from cozeloop.api import paging
from cozeloop.api.datasets.refusals import INVALID_PARAM, ORDER_UNSUPPORTED
from cozeloop.api.edge import ApiError
from cozeloop.api.wire import evaluation as wire

page_of = partial(paging.page_of, INVALID_PARAM)
"""A page of evaluation sets, versions or items."""


def order_of(order_bys: Sequence[wire.OrderBy] | None, known: Collection[str]) -> tuple[str, bool]:
    """The field and whether it ascends; by default the newest change first."""
    if not order_bys:
        return "updated_at", False
    field = order_bys[0].field or "updated_at"
    if field not in known:
        raise ApiError(ORDER_UNSUPPORTED, f"unsupported order by,{field[:64]!r} is not one of {', '.join(known)}")
    return field, bool(order_bys[0].is_asc)
