"""Imports: asked for, polled, listed, cancelled (behaviour.md §5.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from commands.datasets.import_messages import EndImport, RequestImport
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.files.signing import Signed
from cozeloop.api.imports import translate
from cozeloop.api.imports.refusals import FILE_NOT_FOUND, INVALID_PARAM, NOT_FOUND, TOO_MANY
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.scalars import I64, WireModel
from cozeloop.api.wire import data as wire
from cozeloop.platform import Unknown
from cozeloop.uploads import DOWNLOAD_SECONDS, name_at, pinned
from events.datasets import Field
from events.imports import ImportRequested, Mapping
from projections.datasets.datasets import DATASETS, get_dataset
from projections.datasets.rows import DATASET_ROWS
from projections.imports.imports import IMPORTS, Row, count_unfinished, get_import, list_imports

api = Api(Module.DATA)

DATASET = "/api/data/v1/datasets/:dataset_id"
UNFINISHED_LIMIT = 20
"""Imports of a space that may wait or run at the same time."""
PATH_LENGTH = 1024


class CancelJobRequest(WireModel):
    """The job's id."""

    PLACES: ClassVar[dict[str, str]] = {"job_id": "path"}
    job_id: I64


class CancelJobResponse(WireModel):
    """Nothing."""


@api.post(f"{DATASET}/import", wire.ImportDatasetRequest, wire.ImportDatasetResponse)
async def import_dataset(edge: Edge, req: wire.ImportDatasetRequest) -> dict[str, Any]:
    """A job that adds the rows of an uploaded file to the draft."""
    return {"job_id": await requested(edge, req.dataset_id, req)}


@api.get("/api/data/v1/dataset_io_jobs/:job_id", wire.GetDatasetIOJobRequest, wire.GetDatasetIOJobResponse)
async def get_job(edge: Edge, req: wire.GetDatasetIOJobRequest) -> dict[str, Any]:
    """How far a job has come, and what it did not take."""
    return {"job": await shown(edge, await existing_job(edge, req.job_id, req.workspace_id))}


@api.post(f"{DATASET}/io_jobs", wire.ListDatasetIOJobsRequest, wire.ListDatasetIOJobsResponse)
async def list_jobs(edge: Edge, req: wire.ListDatasetIOJobsRequest) -> dict[str, Any]:
    """A dataset's jobs, the newest first."""
    dataset = await existing_dataset(edge, req.dataset_id, req.workspace_id)
    if req.types and translate.IMPORT_FROM_FILE not in req.types:
        return {"jobs": []}
    statuses = sorted({int(s) for s in req.statuses or ()})
    rows = await edge.ask(list_imports, dataset["dataset_id"], statuses)
    return {"jobs": [await shown(edge, row) for row in rows]}


@api.post("/v1/platform/dataset_io_jobs/:job_id/cancel", CancelJobRequest, CancelJobResponse)
async def cancel_job(edge: Edge, req: CancelJobRequest) -> dict[str, Any]:
    """The job ends; rows that it has added stay. Harmless for one that is over."""
    row = await existing_job(edge, req.job_id, None)
    command = EndImport(
        space_id=row["space_id"], job_id=row["job_id"], dataset_id=row["dataset_id"], outcome="cancelled"
    )
    await edge.issue(command, IMPORTS, DATASETS, DATASET_ROWS)
    return {}


async def requested(edge: Edge, dataset_id: str, req: Any, missing: int = NOT_FOUND) -> str:
    """The job of a request of either shape: ``workspace_id``, ``file``, ``field_mappings``, ``option``."""
    dataset = await existing_dataset(edge, dataset_id, req.workspace_id, missing)
    space, file = dataset["space_id"], req.file
    if file is None:
        raise ApiError(INVALID_PARAM, "invalid param,file is required")
    path = file.path or ""
    if not 1 <= len(path) <= PATH_LENGTH:
        raise ApiError(INVALID_PARAM, f"invalid param,file.path: {len(path)} characters, not 1 to {PATH_LENGTH}")
    format_ = format_of(file, path)
    key = await name_at(edge.platform.keys, space, path)
    size = await edge.platform.files.size(space, key)
    absent = ApiError(FILE_NOT_FOUND, f"file not found,file.path {path[:200]!r} was not uploaded to the workspace")
    if size is None:
        raise absent
    if await edge.ask(count_unfinished, space) >= UNFINISHED_LIMIT:
        raise ApiError(TOO_MANY, f"concurrent operations,{UNFINISHED_LIMIT} imports of the workspace are not over yet")
    [job_id] = edge.ids(1)
    mappings = [Mapping(source=m.source or "", target=m.target or "") for m in req.field_mappings or ()]
    command = RequestImport(
        space_id=space,
        job_id=job_id,
        dataset_id=dataset["dataset_id"],
        format=format_,
        path=path,
        size=size,
        mappings=tuple(mappings),
        overwrite=bool(req.option and req.option.overwrite_dataset),
        fields=tuple(Field.model_validate(field) for field in dataset["fields"]),
    )
    if not await edge.repeats() and not await edge.platform.files.copy(space, key, pinned(job_id)):
        raise absent
    try:
        receipt = await edge.issue(command, IMPORTS)
    except Unknown:
        raise  # it may have happened, and would need its file
    except Exception:
        if not await edge.repeats():
            await edge.platform.files.remove(space, pinned(job_id))
        raise
    event = receipt.one(ImportRequested)
    return event.job_id if event else job_id


def format_of(file: wire.DatasetIOFile, path: str) -> Any:
    """``jsonl`` or ``csv``, as the format says and the path's ending agrees; refuses any other, and other stores."""
    if file.provider not in (translate.S3, translate.LOCAL):
        raise ApiError(INVALID_PARAM, "invalid param,file.provider: only uploaded files (5, S3) are imported")
    if file.compress_format is not None or file.files:
        raise ApiError(INVALID_PARAM, "invalid param,file.compress_format: packed files are not imported")
    ending = path.rpartition(".")[2].lower() if "." in path else ""
    named = translate.FORMATS.get(file.format, "") if file.format is not None else ending
    if named not in translate.NUMBERS:
        raise ApiError(INVALID_PARAM, "invalid param,file.format: only JSONL (1) and CSV (3) are imported")
    if ending != named:
        raise ApiError(INVALID_PARAM, f"invalid param,file.format is {named}, and file.path ends in {ending[:16]!r}")
    return named


async def existing_dataset(edge: Edge, dataset_id: str, workspace_id: str | None, missing: int = NOT_FOUND) -> Row:
    """The dataset in a space of the caller; refuses any other as missing."""

    def gone() -> Exception:
        return ApiError(missing, f"not found,dataset_id {dataset_id}")

    await edge.enter("datasets", dataset_id, workspace_id, missing=gone)
    row = await edge.ask(get_dataset, dataset_id, await edge.repeats())
    if row is None:
        raise gone()
    return row


async def existing_job(edge: Edge, job_id: str, workspace_id: str | None) -> Row:
    """The import in a space of the caller; refuses any other as missing."""

    def gone() -> Exception:
        return ApiError(NOT_FOUND, f"not found,job_id {job_id}")

    await edge.enter("imports", job_id, workspace_id, missing=gone)
    row = await edge.ask(get_import, job_id)
    if row is None:
        raise gone()
    return row


async def shown(edge: Edge, row: Row) -> dict[str, Any]:
    """The job, with an address from which its file can be fetched for a day after it was asked for."""
    expires = row["created_at"] // 1_000_000 + DOWNLOAD_SECONDS
    address = ""
    if expires > edge.now().timestamp():
        name = await name_at(edge.platform.keys, row["space_id"], row["path"])
        file_name = row["path"].partition("?")[0].rpartition("/")[2]
        signed = Signed("GET", row["space_id"], name, expires, file_name=file_name)
        address = await signed.address(edge.platform.keys)
    return translate.job(row, address)
