"""HTTP/1.1 as uvicorn reads it with httptools, with a limit of a request's head and refusals in the envelope."""

from __future__ import annotations

from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from cozeloop.api.envelope import JSON
from cozeloop.api.modules import UNREADABLE

MOST_HEAD_BYTES = 64 * 1024
"""Of a request line with its headers, and of what follows a body: the parser keeps them until they are whole."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. What is no request is answered with 400, a head without end with 431; then it is closed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = 0
        """Bytes since the last head, piece of a body or message that was whole."""

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, until it holds too much."""
        self._held += len(data)
        super().data_received(data)
        if self._held > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, f"the request line and its headers are longer than {MOST_HEAD_BYTES} bytes")

    def on_headers_complete(self) -> None:
        """A request begins."""
        self._held = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next head may come."""
        self._held = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP."""
        self._refuse(400, "the bytes are not a request of HTTP/1.1")

    def _refuse(self, status: int, why: str) -> None:
        content = orjson.dumps({"code": UNREADABLE, "msg": f"bad request,{why}"})
        head = f"content-type: {JSON}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + content)
        self.transport.close()
