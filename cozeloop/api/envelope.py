"""The form of every answer: the fields at top level with ``code`` 0 and ``msg`` "", or exactly ``{code, msg}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json; charset=utf-8"


class ApiError(Exception):
    """A refusal of the edge itself. ``status`` holds for /v1 alone: on /api every application error is HTTP 200."""

    def __init__(self, code: int, msg: str, status: int = 200) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status


def reply(fields: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """A success. An answer that holds ``code`` already is left as it is."""
    fields = fields or {}
    if "code" not in fields:
        fields = {"code": 0, "msg": "", **fields}
    return Response(orjson.dumps(fields), media_type=JSON, headers=headers)


def refusal(code: int, msg: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An error."""
    return Response(orjson.dumps({"code": code, "msg": msg}), status, media_type=JSON, headers=headers)


def status_on(path: str, status: int) -> int:
    """The HTTP status of an error there: the console shows only a generic toast for anything but 200."""
    return 200 if path.startswith("/api/") else status
