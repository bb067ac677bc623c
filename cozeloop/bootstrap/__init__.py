"""The composition root: settings to platform. The only place that knows which adapter stands behind which port.

`embedded` opens the parts in their order; each part is a file with one function that takes what is open already.
A capability with something of its own to open or to keep going adds a part and its line in `embedded`.
"""

from cozeloop.bootstrap.embedded import Embedded, alone

__all__ = ["Embedded", "alone"]
