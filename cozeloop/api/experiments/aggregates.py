"""Aggregates of an experiment: of each evaluator's scores and of the target's numbers (behaviour.md §6.4).

Average, sum, largest, smallest and distribution all follow from how often each score was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AVERAGE, SUM, MAX, MIN, DISTRIBUTION = 1, 2, 3, 4, 5
BUCKETS = 20

Counts = Sequence[tuple[float, int]]


def of_scores(counts: Counts) -> list[dict[str, Any]]:
    """The five aggregators of a score's counts; none of nothing."""
    total = sum(n for _, n in counts)
    if not total:
        return []
    amount = sum(score * n for score, n in counts)
    scores = [score for score, _ in counts]
    numbers = {AVERAGE: amount / total, SUM: amount, MAX: max(scores), MIN: min(scores)}
    shown: dict[str, int] = {}
    for score, n in counts:
        shown[f"{score:.2f}"] = shown.get(f"{score:.2f}", 0) + n
    return [*_doubles(numbers), _distribution([(label, n, total) for label, n in sorted(shown.items())])]


def of_numbers(values: Sequence[int]) -> list[dict[str, Any]]:
    """The five aggregators of a target's number; the distribution has twenty buckets of equal width."""
    if not values:
        return []
    smallest, largest = min(values), max(values)
    numbers = {AVERAGE: sum(values) / len(values), SUM: float(sum(values)), MAX: largest, MIN: smallest}
    width = (largest - smallest) / BUCKETS or 1.0
    counts = [0] * BUCKETS
    for value in values:
        counts[min(int((value - smallest) / width), BUCKETS - 1)] += 1
    items = []
    for i, n in enumerate(counts):
        end = smallest + (i + 1) * width - (0.01 if i < BUCKETS - 1 else 0)
        items.append((f"{int(smallest + i * width)}-{int(end)}", n, len(values)))
    return [*_doubles(numbers), _distribution(items)]


def weighted(scores: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    """An item's weighted score over the evaluators that gave one; without weights the mean. None of nothing."""
    each = {version_id: weights.get(version_id, 0.0) if weights else 1.0 for version_id in scores}
    total = sum(each.values())
    return round(sum(scores[v] * w for v, w in each.items()) / total, 2) if total else None


def of_weighted(sums: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """The five aggregators of items' weighted scores, each given as sum of score by weight and sum of weights."""
    counts: dict[float, int] = {}
    for amount, of in sums:
        score = round(amount / of, 2)
        counts[score] = counts.get(score, 0) + 1
    return of_scores(sorted(counts.items()))


def evaluator_aggregate(row: Mapping[str, Any], counts: Counts) -> dict[str, Any]:
    """An evaluator version's aggregates; ``row`` has version_id, name and version."""
    return {
        "evaluator_version_id": row["version_id"],
        "name": row["name"],
        "version": row["version"],
        "aggregator_results": of_scores(counts),
    }


def _doubles(numbers: Mapping[int, float]) -> list[dict[str, Any]]:
    return [{"aggregator_type": kind, "data": {"data_type": 0, "value": float(v)}} for kind, v in numbers.items()]


def _distribution(items: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    shown = [{"score": label, "count": str(n), "percentage": n / total} for label, n, total in items]
    return {
        "aggregator_type": DISTRIBUTION,
        "data": {"data_type": 1, "score_distribution": {"score_distribution_items": shown}},
    }
