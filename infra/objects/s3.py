"""Objects in MinIO or any S3, through the `minio` client, which blocks: every call of it is made in a thread.

An upload is spooled to a file of this machine first, so that no half of it is ever seen and no more than a part of it
is in memory; then it goes in parts.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Callable
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit

from minio import Minio
from minio.commonconfig import CopySource
from minio.error import MinioException, S3Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from infra.objects.port import BLOCK_BYTES, Listed, ObjectsUnavailable, blocks, checked

T = TypeVar("T")

PART_BYTES = 8 << 20
"""One part of an upload; as much of it is in memory."""
REGION = "us-east-1"
_ABSENT = {"NoSuchKey", "NoSuchObject", "NoSuchBucket"}


class S3Objects:
    """The port `Objects` on a bucket. ``url`` is ``http[s]://KEY:SECRET@HOST[:PORT]/BUCKET``, percent-encoded."""

    def __init__(self, url: str, *, attempts: int = 3, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._bucket = parts.path.strip("/")
        if parts.scheme not in ("http", "https") or not parts.hostname or not self._bucket or "/" in self._bucket:
            raise ValueError("COZELOOP_OBJECTS_URL is not like https://KEY:SECRET@host:9000/bucket")
        self._pool = PoolManager(retries=Retry(attempts, backoff_factor=0.1), timeout=Timeout(timeout), maxsize=16)
        self._client = Minio(
            parts.netloc.rpartition("@")[2],
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
            secure=parts.scheme == "https",
            region=REGION,
            http_client=self._pool,
        )

    async def open(self) -> None:
        """The bucket exists; raises ObjectsUnavailable."""
        if not await self._do(self._client.bucket_exists, bucket_name=self._bucket):
            await self._do(self._client.make_bucket, bucket_name=self._bucket)

    async def close(self) -> None:
        """Ends its connections."""
        self._pool.clear()

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; an object that exists stays as it is."""
        if await self.size(name) is None:
            await self._upload(name, BytesIO(data), len(data))

    async def get(self, name: str) -> bytes | None:
        """The object's bytes, None when there is none."""
        found = [block async for block in self._blocks(name)]
        return b"".join(found) if found else None

    async def store(self, name: str, chunks: AsyncIterable[bytes]) -> int:
        """Takes the object's place; durable when it returns. When ``chunks`` raises, the object stays as it was."""
        checked(name)
        with tempfile.TemporaryFile() as spool:
            async for block in blocks(chunks):
                await asyncio.to_thread(spool.write, block)
            size = spool.tell()
            spool.seek(0)
            await self._upload(name, spool, size)
        return size

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """The object in blocks, as it was when the first one was asked for; nothing when there is none."""
        async for block in self._blocks(name):
            if block:
                yield block

    async def size(self, name: str) -> int | None:
        """Bytes, None when there is no such object."""
        try:
            found = await self._do(self._client.stat_object, bucket_name=self._bucket, object_name=checked(name))
        except _Absent:
            return None
        return int(found.size or 0)

    async def copy(self, source: str, target: str) -> bool:
        """Copied by the store itself; False when there is no such object."""
        if source == target:
            return await self.size(source) is not None  # an S3 refuses to copy an object onto itself
        origin = CopySource(bucket_name=self._bucket, object_name=checked(source))
        try:
            await self._do(
                self._client.copy_object, bucket_name=self._bucket, object_name=checked(target), source=origin
            )
        except _Absent:
            return False
        return True

    async def names(self) -> list[str]:
        """The name of every object, in order."""
        return await self._do(self._listed)

    async def listed(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """Objects whose names begin so, behind another one in the store's own order, at most ``limit``."""
        return await self._do(self._dated, prefix=prefix, after=after, limit=limit)

    def _dated(self, prefix: str, after: str, limit: int) -> list[Listed]:
        found = self._client.list_objects(
            bucket_name=self._bucket, prefix=prefix, recursive=True, start_after=after or None
        )
        dated = (Listed(each.object_name, each.last_modified) for each in found if each.object_name)
        return list(islice(dated, limit))

    def _listed(self) -> list[str]:
        found = self._client.list_objects(bucket_name=self._bucket, recursive=True)
        return sorted(each.object_name for each in found if each.object_name)

    async def remove(self, name: str) -> None:
        """The object is gone; harmless when there was none."""
        await self._do(self._client.remove_object, bucket_name=self._bucket, object_name=checked(name))

    async def _upload(self, name: str, data: BinaryIO, size: int) -> None:
        await self._do(
            self._client.put_object,
            bucket_name=self._bucket,
            object_name=checked(name),
            data=data,
            length=size,
            part_size=PART_BYTES,
            num_parallel_uploads=1,
        )

    async def _blocks(self, name: str) -> AsyncIterator[bytes]:
        """As `read`, with one empty block for an empty object."""
        try:
            answer = await self._do(self._client.get_object, bucket_name=self._bucket, object_name=checked(name))
        except _Absent:
            return
        try:
            block = await self._do(answer.read, amt=BLOCK_BYTES)
            yield block
            while block:
                if block := await self._do(answer.read, amt=BLOCK_BYTES):
                    yield block
        finally:
            answer.close()
            answer.release_conn()

    @staticmethod
    async def _do(call: Callable[..., T], **how: Any) -> T:
        """A blocking call in a thread; raises _Absent or ObjectsUnavailable, never with a credential in it."""
        try:
            return await asyncio.to_thread(call, **how)
        except S3Error as error:
            if error.code in _ABSENT:
                raise _Absent from None
            raise ObjectsUnavailable(f"the object store refused: {error.code}") from error
        except (MinioException, HTTPError, OSError) as error:
            raise ObjectsUnavailable(f"the object store does not answer: {type(error).__name__}") from error


class _Absent(Exception):
    """There is no such object."""
