"""What a list of experiments is narrowed to: the contract's conditions as the read model's filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cozeloop.api.edge import ApiError
from cozeloop.api.experiments.refusals import INVALID_PARAM
from cozeloop.api.wire import evaluation as wire
from projections.experiments.experiments import ExperimentFilter

EQUAL, IN = 1, 7
CREATOR, STATUS, SET, TYPE, SOURCE_TARGET = 2, 3, 6, 30, 9
FIELDS = {CREATOR: "created_by", STATUS: "statuses", SET: "dataset_ids"}
ORDERS = {"start_time": "started_at", "end_time": "ended_at"}


def experiment_filter(space: str, option: wire.ExptFilterOption | None) -> ExperimentFilter | None:
    """The filter, None when nothing can match; refuses a condition that is not built rather than ignore it."""
    wanted = ExperimentFilter(space, name_like=(option.fuzzy_name if option else None) or "")
    conditions = (option.filters.filter_conditions if option and option.filters else None) or ()
    for condition in conditions:
        kind = int((condition.field.field_type if condition.field else None) or 0)
        if int(condition.operator or 0) not in (EQUAL, IN):
            raise ApiError(INVALID_PARAM, f"invalid param,filter_conditions.operator {condition.operator}")
        values = [v.strip() for v in (condition.value or "").split(",") if v.strip()]
        if kind == TYPE:
            if "1" not in values:
                return None
        elif kind == SOURCE_TARGET:
            source = condition.source_target
            wanted = replace(wanted, prompt_ids=tuple(source.source_target_ids or ()) if source else ())
        elif kind not in FIELDS:
            raise ApiError(INVALID_PARAM, f"invalid param,filter_conditions.field.field_type {kind} is not built yet")
        elif not values:
            return None
        else:
            typed = tuple(int(v) for v in values if v.isdecimal()) if kind == STATUS else tuple(values)
            wanted = replace(wanted, **{FIELDS[kind]: typed})
    return wanted


def order_of(order_bys: Sequence[wire.OrderBy] | None) -> tuple[str, bool]:
    """The column and whether ascending; by default the newest first."""
    for by in order_bys or ():
        if by.field not in ORDERS:
            raise ApiError(INVALID_PARAM, f"invalid param,order_bys.field {by.field!r}: start_time or end_time")
        return ORDERS[by.field], bool(by.is_asc)
    return "created_at", False
