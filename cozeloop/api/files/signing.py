"""Signed addresses of files: whoever holds one may do the one thing that it says, until it expires.

The signature binds method, space, file, largest size, name of the download and expiry; it is an HMAC under the
installation's key.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from cozeloop.api.edge import ApiError
from cozeloop.api.modules import NO_PERMISSION, Module
from cozeloop.platform import Keys
from cozeloop.uploads import PATH
from events.event import GLOBAL_SPACE

FORBIDDEN = Module.FOUNDATION.code(NO_PERMISSION)


@dataclass(frozen=True)
class Signed:
    """What an address allows: ``size`` is the largest upload in bytes, ``expires`` seconds since 1970."""

    method: str
    space_id: str
    name: str
    expires: int
    size: int = 0
    file_name: str = ""

    async def address(self, keys: Keys) -> str:
        """Path and query."""
        query = {"expires": self.expires, "size": self.size, "file_name": self.file_name}
        shown = urlencode({k: v for k, v in query.items() if v} | {"signature": await self.signature(keys)})
        return f"{PATH}/{quote(self.space_id)}/{quote(self.name)}?{shown}"

    async def signature(self, keys: Keys) -> str:
        """32 hex digits."""
        bound = ("file", self.method, self.space_id, self.name, self.size, self.expires, self.file_name)
        return await keys.digest(GLOBAL_SPACE, "\n".join(map(str, bound)))

    async def check(self, keys: Keys, signature: str, now: float) -> None:
        """Refuses an address that was not signed so, or that has expired (HTTP 403)."""
        if not hmac.compare_digest(signature.encode(), (await self.signature(keys)).encode()):
            raise ApiError(FORBIDDEN, "no permission,the address was not signed for this", status=403)
        if now > self.expires:
            raise ApiError(FORBIDDEN, "no permission,the address has expired", status=403)
