"""The past: objects as they stood at a position, answered from the log."""

from __future__ import annotations

from cozeloop.bootstrap.core import Core
from cozeloop.recalling import Recall
from projections import READ_MODELS


def open_past(core: Core) -> Recall:
    """Folds with every read model; given back at the end of the process."""
    settings = core.process.settings
    recall = Recall(core.log, READ_MODELS, settings.as_of_max_events, settings.as_of_max_bytes)
    core.process.on_close(recall.close)
    return recall
