"""Files: addresses to upload to are signed here, and uploads by form are taken (behaviour.md §2.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.files.forms import form_of
from cozeloop.api.files.signing import Signed
from cozeloop.api.modules import INVALID_PARAM, Module
from cozeloop.api.routing import Api
from cozeloop.api.wire import foundation as wire
from cozeloop.uploads import name_of

api = Api(Module.FOUNDATION)

INVALID = Module.FOUNDATION.code(INVALID_PARAM)
PURPOSES = ("prompt", "evaluation", "observability")
KEYS_LIMIT = 100
KEY_LENGTH = 512
TTL = 24 * 3600
LONGEST_TTL = 7 * TTL


@api.post("/api/foundation/v1/sign_upload_files", wire.SignUploadFileRequest, wire.SignUploadFileResponse)
async def sign_upload_files(edge: Edge, req: wire.SignUploadFileRequest) -> dict[str, Any]:
    """For each key an address that takes the file by PUT until it expires; the largest file is in the signature."""
    space = await edge.enter_space(req.workspace_id)
    keys = checked_keys(req.keys or [])
    if req.business_type is not None and req.business_type not in PURPOSES:
        raise ApiError(INVALID, f"invalid param,business_type is not one of {', '.join(PURPOSES)}")
    ttl = int(req.option.ttl) if req.option and req.option.ttl is not None else TTL
    if not 0 < ttl <= LONGEST_TTL:
        raise ApiError(INVALID, f"invalid param,option.ttl must be 1 to {LONGEST_TTL} seconds")
    now = edge.now().astimezone(UTC).replace(microsecond=0)
    expires = now + timedelta(seconds=ttl)
    limit = edge.platform.settings.file_max_bytes
    signed = [
        Signed("PUT", space, await name_of(edge.platform.keys, space, key), int(expires.timestamp()), limit)
        for key in keys
    ]
    head = {"current_time": shown(now), "expired_time": shown(expires)}
    return {"uris": [await each.address(edge.platform.keys) for each in signed], "sign_heads": [head] * len(keys)}


@api.post("/v1/loop/files/upload", wire.UploadLoopFileRequest, wire.UploadLoopFileResponse, raw=True)
async def upload(edge: Edge, req: wire.UploadLoopFileRequest) -> dict[str, Any]:
    """A file of a form with the fields ``file`` and ``workspace_id``; its key is the workspace and the file's name."""
    async with form_of(edge.request, edge.platform.settings) as form:
        space = await edge.enter_space(form.workspace_id)
        key = f"{space}/{form.file_name}"
        checked_keys([key])
        name = await name_of(edge.platform.keys, space, key)
        limit = edge.platform.settings.file_max_bytes
        size = await edge.platform.files.write(space, name, form.chunks(), limit)
    return {"data": {"bytes": str(size), "file_name": key}}


def checked_keys(keys: list[str]) -> list[str]:
    """The keys; refuses none, too many, an empty or long one, and control characters in one."""
    if not 1 <= len(keys) <= KEYS_LIMIT:
        raise ApiError(INVALID, f"invalid param,keys: {len(keys)} keys, not 1 to {KEYS_LIMIT}")
    for index, key in enumerate(keys):
        if not 1 <= len(key) <= KEY_LENGTH:
            raise ApiError(INVALID, f"invalid param,keys.{index}: {len(key)} characters, not 1 to {KEY_LENGTH}")
        if not key.isprintable():
            raise ApiError(INVALID, f"invalid param,keys.{index}: must not hold control characters")
    return keys


def shown(moment: datetime) -> str:
    """A time as RFC 3339 has it."""
    return moment.isoformat().replace("+00:00", "Z")
