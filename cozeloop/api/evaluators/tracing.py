"""The trace of an evaluator's run: stored before the answer, and never the reason why there is none."""

from __future__ import annotations

import logging

from commands.traces.rows import line
from commands.traces.runs import rows_of_evaluation
from cozeloop.api.edge import Edge
from cozeloop.platform import LogUnavailable, Unknown
from events.evaluators import EvaluatorRan
from events.event import Recorded

log = logging.getLogger("cozeloop.api")


async def traced(edge: Edge, space: str, recorded: Recorded[EvaluatorRan]) -> None:
    """Stores the spans of a run. Answered again it stores the same spans, which are kept once."""
    at = int(recorded.meta.occurred_at.timestamp() * 1_000_000)
    try:
        await edge.platform.spans.put(space, [line(r) for r in rows_of_evaluation(space, recorded.event, at)])
    except (LogUnavailable, Unknown) as error:
        log.warning("the trace of record %s was not stored: %s", recorded.event.record_id, error)
