"""What a task says. Small: rows are named by where they lie in the log."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ItemTask(BaseModel):
    """Some items of a run, each as (index, item id, log position of its page event, offset in it).

    ``again``: some of it may have been done before, so its worker looks which outcomes stand. ``earlier``: runs, the
    newest first, in which steps that succeeded are not to be done once more.
    """

    model_config = ConfigDict(frozen=True)
    space_id: str
    experiment_id: str
    run_id: str
    items: tuple[tuple[int, str, int, int], ...]
    again: bool = False
    earlier: tuple[str, ...] = ()
