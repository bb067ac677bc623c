"""A form with one file, read as it streams in: what is large of it lies in a file without a name, never in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from cozeloop.api.binding import read_body, refuse_untidy
from cozeloop.api.edge import ApiError
from cozeloop.api.modules import INVALID_PARAM, UNREADABLE, Module
from cozeloop.platform import FileTooLarge
from cozeloop.settings import Settings

TOO_LARGE = 602001001
INVALID = Module.FOUNDATION.code(INVALID_PARAM)
FORM = "multipart/form-data"
AROUND = 64 * 1024
"""Bytes that a form may have beside its file."""
BLOCK = 256 * 1024
NAME_LENGTH = 255


@dataclass(frozen=True)
class Form:
    """The fields of an upload."""

    workspace_id: str
    file_name: str
    file: UploadFile

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes."""
        while block := await self.file.read(BLOCK):
            yield block


@asynccontextmanager
async def form_of(request: Request, settings: Settings) -> AsyncIterator[Form]:
    """The form that was sent; refuses any other body, a form without the fields, and a file over the limit."""
    if request.headers.get("content-type", "").split(";", 1)[0].strip().lower() != FORM:
        await read_body(request, settings.max_body_bytes)
        raise ApiError(UNREADABLE, f"bad request,Content-Type must be {FORM} with a boundary")
    refuse_declared(request, settings.file_max_bytes + AROUND)
    body = limited(request, settings.file_max_bytes + AROUND)
    parser = MultiPartParser(request.headers, body, max_files=1, max_fields=8, max_part_size=AROUND)
    try:
        data = await parser.parse()
    except FileTooLarge as error:
        raise too_large(settings.file_max_bytes) from error
    except MultiPartException as error:
        raise ApiError(UNREADABLE, f"bad request,the form cannot be read: {error.message}") from error
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise ApiError(
            UNREADABLE, "bad request,the form cannot be read: no boundary, or a header that is none"
        ) from error
    try:
        file, workspace_id = data.get("file"), data.get("workspace_id")
        if not isinstance(file, UploadFile):
            raise ApiError(INVALID, "invalid param,file is required")
        if not isinstance(workspace_id, str) or not (workspace_id.isascii() and workspace_id.isdigit()):
            raise ApiError(INVALID, "invalid param,workspace_id is required and is a number")
        yield Form(workspace_id, named(file.filename or ""), file)
    finally:
        await data.close()


def named(file_name: str) -> str:
    """The file's own name, without the folders that some browsers send."""
    name = file_name.replace("\\", "/").rpartition("/")[2]
    refuse_untidy({"file": name})
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise ApiError(INVALID, f"invalid param,file: a name has 1 to {NAME_LENGTH} printable characters")
    return name


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it streams in; raises FileTooLarge beyond the limit, and a refusal when the client hangs up."""
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise FileTooLarge(f"more than {limit} bytes")
            yield chunk
    except ClientDisconnect:
        raise ApiError(UNREADABLE, "bad request,the client hung up in the middle of the file") from None


def refuse_declared(request: Request, limit: int) -> None:
    """Refuses, before a byte of it is read, a body that says of itself that it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)


def too_large(limit: int) -> ApiError:
    """The contract's refusal (HTTP 413)."""
    return ApiError(TOO_LARGE, f"file too large,at most {limit} bytes", status=413)
