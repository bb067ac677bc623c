"""What an operator may ask of this process' log and stores."""

from __future__ import annotations

from cozeloop.backup.making import Backup
from cozeloop.bootstrap.core import Core
from cozeloop.bootstrap.examining import open_examination
from cozeloop.erasing import Erasing
from cozeloop.operations import LogOperations
from cozeloop.projecting.spans import NAME
from cozeloop.resetting import ResetCodes
from cozeloop.span_verdict import spans_verified
from cozeloop.tracing import Traces
from infra import clock
from infra.eventstore.inventory import Inventory
from infra.messaging.spans import STREAM
from projections import READ_MODELS


def open_operations(core: Core, erasing: Erasing, traces: Traces) -> LogOperations:
    """The operations, on whatever the core has opened."""
    backup = Backup(core.log, core.anchor, core.vault, core.objects, core.installation, core.connected, clock.now)

    examination = open_examination(core, core.process.platform.code)

    def inventory() -> Inventory:
        return Inventory(core.objects, core.vault.keys)

    codes = ResetCodes(core.log, core.vault)
    made = LogOperations(
        core.log, core.anchor, READ_MODELS, core.projection, erasing, inventory, backup, examination, codes
    )
    made.apart[NAME] = traces.projector.rebuild
    made.spans = lambda: spans_verified(core.log.reader.beside(STREAM), core.vault.keys, traces.projector.stands)
    return made
