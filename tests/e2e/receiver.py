"""Somebody outside who is told what happens: an HTTP endpoint in a thread, as unreliable as a test likes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Told"], int]


@dataclass(frozen=True)
class Told:
    """One request: ``number`` counts from 1 over all of them."""

    number: int
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def signed_with(self, secret: str) -> bool:
        """Whether the signature is that of Standard Webhooks."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{wanted}"


class Receiver:
    """Listens on a port of its own; ``answer`` gives the status of each request."""

    def __init__(self, answer: Answer = lambda told: 204) -> None:
        self.answer = answer
        self.told: list[Told] = []
        self.accepted: list[Told] = []
        lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                with lock:
                    told = Told(len(receiver.told) + 1, headers, body)
                    receiver.told.append(told)
                status = receiver.answer(told)
                if 200 <= status < 300:
                    with lock:
                        receiver.accepted.append(told)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?of=test"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def types(self) -> list[str]:
        """Of what was accepted, each id once, in the order of the log."""
        once = {t.id: t.event for t in self.accepted}
        return [e["type"] for e in sorted(once.values(), key=lambda e: e.get("position", 0))]
