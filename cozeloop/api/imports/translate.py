"""Between imports and the contract's jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cozeloop.api.datasets.translate import SUMMARIES
from cozeloop.api.values import milliseconds

Json = dict[str, Any]
Row = Mapping[str, Any]

S3, LOCAL = 5, 102
"""Providers of the contract that mean our own object store."""
IMPORT_FROM_FILE = 1
NUMBERS = {"jsonl": 1, "csv": 3}
FORMATS = {number: name for name, number in NUMBERS.items()}
MORE_SUMMARIES = {5: "the file or a row of it cannot be read", 102: "the file or the dataset is gone"}


def job(row: Row, download_url: str) -> Json:
    """An import as a job, with what it did not take."""
    file: Json = {"provider": S3, "path": row["path"], "format": NUMBERS[row["format"]]}
    if download_url:
        file["download_url"] = download_url
    shown: Json = {
        "id": row["job_id"],
        "app_id": 0,
        "space_id": row["space_id"],
        "dataset_id": row["dataset_id"],
        "job_type": IMPORT_FROM_FILE,
        "source": {"file": file},
        "target": {"dataset": {"space_id": row["space_id"], "dataset_id": row["dataset_id"]}},
        "field_mappings": orjson.loads(row["mappings"]),
        "option": {"overwrite_dataset": bool(row["overwrites"])},
        "status": row["status"],
        "progress": {"total": str(row["total"]), "processed": str(row["rows_read"]), "added": str(row["added"])},
        "errors": errors(row),
        "created_by": row["created_by"],
        "created_at": milliseconds(row["created_at"]),
        "updated_by": row["updated_by"],
        "updated_at": milliseconds(row["updated_at"]),
    }
    times = {name: milliseconds(row[name]) for name in ("started_at", "ended_at") if row[name]}
    return shown | times


def errors(row: Row) -> list[Json]:
    """Groups by type, and what ended the import before its time."""
    groups = [_group(g["type"], g["count"], [_detail(d) for d in g["details"]]) for g in orjson.loads(row["errors"])]
    if row["fault_type"]:
        groups.append(_group(row["fault_type"], 1, [{"message": row["fault"]}]))
    return groups


def _group(type_: int, count: int, details: list[Json]) -> Json:
    summary = SUMMARIES.get(type_) or MORE_SUMMARIES.get(type_, "the row was refused")
    return {"type": type_, "summary": summary, "error_count": count, "details": details}


def _detail(error: Json) -> Json:
    shown = {"message": error["message"], "index": error["index"]}
    if "end_index" in error:
        shown |= {"start_index": error["index"], "end_index": error["end_index"]}
    return shown
