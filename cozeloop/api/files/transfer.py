"""What a signed address leads to: a file on its way in, or on its way out. No session and no token is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field
from starlette.responses import Response, StreamingResponse

from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.files.forms import limited, refuse_declared, too_large
from cozeloop.api.files.signing import Signed
from cozeloop.api.modules import BAD_REQUEST, Module
from cozeloop.api.routing import Api
from cozeloop.api.scalars import I64, Vt, WireModel
from cozeloop.platform import FileDamaged, FileTooLarge
from cozeloop.uploads import PATH

api = Api(Module.FOUNDATION)
FILE = f"{PATH}/:space_id/:name"
GONE = Module.FOUNDATION.code(BAD_REQUEST)
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}
"""No browser shows what somebody uploaded as a page of ours."""


class FileRequest(WireModel):
    """The address, as `Signed` has it."""

    space_id: str
    name: str
    expires: Annotated[I64 | None, Vt(ge=0)] = None
    size: Annotated[I64 | None, Vt(ge=0)] = None
    file_name: str | None = None
    signature: str | None = None
    PLACES: ClassVar[dict[str, str]] = {"expires": "query", "size": "query", "file_name": "query", "signature": "query"}


class FileStored(WireModel):
    """What was stored."""

    bytes_: I64 | None = Field(None, alias="bytes")


class FileContent(WireModel):
    """The file's bytes, as an attachment."""


@api.put(FILE, FileRequest, FileStored, signed=True)
async def put_file(edge: Edge, req: FileRequest) -> dict[str, Any]:
    """The body becomes the file; nothing of it is kept when it is too large or breaks off."""
    signed = await admitted(edge, req, "PUT")
    refuse_declared(edge.request, signed.size)
    body = limited(edge.request, signed.size)
    try:
        size = await edge.platform.files.write(signed.space_id, signed.name, body, signed.size)
    except FileTooLarge as error:
        raise too_large(signed.size) from error
    return {"bytes": str(size)}


@api.get(FILE, FileRequest, FileContent, signed=True)
async def get_file(edge: Edge, req: FileRequest) -> Response:
    """The file as an attachment."""
    signed = await admitted(edge, req, "GET")
    size = await edge.platform.files.size(signed.space_id, signed.name)
    pieces = edge.platform.files.read(signed.space_id, signed.name)
    try:
        first = await anext(pieces, None)
    except FileDamaged as error:
        raise ApiError(GONE, f"bad request,{error}", status=404) from error
    if size is None or first is None:
        raise ApiError(GONE, "bad request,there is no such file", status=404)
    attached = f"attachment; filename*=UTF-8''{quote(signed.file_name or 'file', safe='')}"
    headers = {**HARMLESS, "Content-Disposition": attached, "Content-Length": str(size)}
    return StreamingResponse(joined(first, pieces), headers=headers, media_type="application/octet-stream")


async def admitted(edge: Edge, req: FileRequest, method: str) -> Signed:
    """What the address allows; refuses any that was not signed for this."""
    signed = Signed(method, req.space_id, req.name, int(req.expires or 0), int(req.size or 0), req.file_name or "")
    await signed.check(edge.platform.keys, req.signature or "", edge.now().timestamp())
    return signed


async def joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces in their order."""
    yield first
    async for piece in rest:
        yield piece
