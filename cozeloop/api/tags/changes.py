"""What a version changed, in the contract's words: derived from two neighbours, kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cozeloop.api.tags.translate import content_of

Json = dict[str, Any]
Row = Mapping[str, Any]


def changes(row: Row, before: Row | None) -> list[Json]:
    """The changes from the version before; a first version creates the tag."""
    now = content_of(row)
    if before is None:
        return [change("tag", "create", after=now.name)]
    was = content_of(before)
    found = []
    if now.name != was.name:
        found.append(change("tag_name", "update", was.name, now.name))
    if now.description != was.description:
        found.append(change("tag_description", "update", was.description, now.description))
    if row["status"] != before["status"]:
        found.append(change("tag_status", "update", before["status"], row["status"]))
    if row["tag_type"] != before["tag_type"]:
        found.append(change("tag_type", "update", before["tag_type"], row["tag_type"]))
    old = {v.value_id: v for v in was.values}
    for value in now.values:
        known = old.pop(value.value_id, None)
        if known is None:
            found.append(change("tag_value_name", "create", after=value.name, of=value.name))
            continue
        if known.name != value.name:
            found.append(change("tag_value_name", "update", known.name, value.name, known.name))
        if known.status != value.status:
            found.append(change("tag_value_status", "update", known.status, value.status, value.name))
    found += [change("tag_value_name", "delete", gone.name, of=gone.name) for gone in old.values()]
    return found


def change(target: str, operation: str, before: str = "", after: str = "", of: str = "") -> Json:
    """One line of a version's history."""
    shown = {"target": target, "operation": operation, "before_value": before, "after_value": after}
    return {**shown, "target_value": of} if of else shown
