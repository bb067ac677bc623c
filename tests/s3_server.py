"""A real S3 server for the adapter's contract suite: SeaweedFS, from its wheel, on free ports of this machine.

It is killed at the end: what it holds is in a directory of the test run.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from infra.objects import ObjectsUnavailable
from infra.objects.s3 import S3Objects

KEY, SECRET = "cozeloop", "a secret/with+signs"
LISTENING = ("master.port", "volume.port", "filer.port", "s3.port")
START_SECONDS = 60
WEED = Path(sys.executable).parent / "weed"


class S3Server:
    """A running server; every address that it gives names a bucket of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buckets = itertools.count()

    def url(self, secret: str = SECRET) -> str:
        """The address of a new bucket."""
        return f"http://{KEY}:{quote(secret, safe='')}@127.0.0.1:{self._port}/bucket-{next(self._buckets)}"


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Started and ready to take objects."""
    who = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin", "Read", "Write"]}
    config, data = folder / "s3.json", folder / "data"
    config.write_text(json.dumps({"identities": [who]}))
    data.mkdir()
    ports = dict(zip(_flags(), free_ports(len(_flags())), strict=True))
    command = [
        *(
            str(WEED),
            "server",
            "-s3",
            "-iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
        ),
        *(f"-dir={data}", f"-s3.config={config}", "-volume.max=500", "-master.volumeSizeLimitMB=64"),
        *(f"-{flag}={port}" for flag, port in ports.items()),
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            server = S3Server(ports["s3.port"])
            asyncio.run(_ready(server, process))
            yield server
        finally:
            process.kill()


def _flags() -> list[str]:
    return [*LISTENING, *(f"{flag}.grpc" for flag in LISTENING)]


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in taken]


async def _ready(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    """Returns when an object was stored; raises when that takes too long."""
    until = time.monotonic() + START_SECONDS
    url = server.url()
    while True:
        objects = S3Objects(url, attempts=0, timeout=5)
        try:
            await objects.open()
            await objects.put("files/0/probe", b"x")
            return
        except ObjectsUnavailable:
            if process.poll() is not None or time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)
        finally:
            await objects.close()
