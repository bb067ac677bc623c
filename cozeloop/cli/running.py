"""Finds the running platform of a data directory, or works alone on it; either way an operator's answers are lines."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import httpx
import typer
from pydantic import ValidationError

from cozeloop.cli.looping import run_on_loop, settle
from cozeloop.outside import EventQuery
from cozeloop.settings import Settings

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="COZELOOP_DATA_DIR", help="Everything the embedded platform keeps."),
]
DEFAULT_DATA_DIR = Path(".cozeloop")
Line = Mapping[str, Any]


class Operations(Protocol):
    """What `cozeloop.operations.LogOperations` answers, from wherever."""

    def events(self, query: EventQuery) -> AsyncIterator[Line]:
        """The events wanted."""
        ...

    def verify(self) -> AsyncIterator[Line]:
        """Progress and verdict."""
        ...

    def reset_code(self, email: str) -> AsyncIterator[Line]:
        """A one-time code."""
        ...

    def replay(self, names: list[str], parked: bool = False) -> AsyncIterator[Line]:
        """Progress of each read model, or what came of each parked stream."""
        ...

    def erase(self, space: str) -> AsyncIterator[Line]:
        """Each step of a space's end."""
        ...

    def doctor(self) -> AsyncIterator[Line]:
        """What each check finds."""
        ...

    def backup(self, target: Path, with_key: bool) -> AsyncIterator[Line]:
        """Each part of a backup."""
        ...


class Failed(Exception):
    """The command failed; the text is for the person who gave it."""


@dataclass(frozen=True)
class RunFile:
    """``run.json``: where the running platform answers and its operator's token. Mode 0600."""

    url: str
    token: str
    pid: int

    def write(self, data_dir: Path) -> None:
        """Puts it in place, whole."""
        beside = data_dir / "run.json.new"
        with open(beside, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            json.dump(asdict(self), file)
        beside.replace(data_dir / "run.json")

    @classmethod
    def read(cls, data_dir: Path) -> RunFile | None:
        """The file's content when there is one."""
        try:
            return cls(**json.loads((data_dir / "run.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


class Remote:
    """A running platform's operations, over its operator routes."""

    def __init__(self, run: RunFile) -> None:
        self._run = run
        self._client = httpx.AsyncClient(
            base_url=run.url, headers={"Authorization": f"Bearer {run.token}"}, timeout=httpx.Timeout(10, read=None)
        )

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.aclose()

    async def events(self, query: EventQuery) -> AsyncIterator[Line]:
        """The events wanted."""
        params = {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in asdict(query).items() if v}
        async for line in self._lines("GET", "/v1/platform/admin/events", params=params):
            yield line

    async def verify(self) -> AsyncIterator[Line]:
        """Progress and verdict."""
        async for line in self._lines("GET", "/v1/platform/admin/verify"):
            yield line

    async def replay(self, names: list[str], parked: bool = False) -> AsyncIterator[Line]:
        """Progress of each read model, or what came of each parked stream."""
        asked = {"read_models": names, "parked": parked}
        async for line in self._lines("POST", "/v1/platform/admin/replay", json=asked):
            yield line

    async def erase(self, space: str) -> AsyncIterator[Line]:
        """Each step of a space's end."""
        async for line in self._lines("POST", "/v1/platform/admin/spaces/destroy-key", json={"space_id": space}):
            yield line

    async def reset_code(self, email: str) -> AsyncIterator[Line]:
        """A one-time code."""
        async for line in self._lines("POST", "/v1/platform/admin/users/reset-code", json={"email": email}):
            yield line

    async def doctor(self) -> AsyncIterator[Line]:
        """What each check finds."""
        async for line in self._lines("GET", "/v1/platform/admin/doctor"):
            yield line

    async def backup(self, target: Path, with_key: bool) -> AsyncIterator[Line]:
        """Each part of a backup."""
        asked = {"target": str(target), "with_installation_key": with_key}
        async for line in self._lines("POST", "/v1/platform/admin/backup", json=asked):
            yield line

    async def _lines(self, method: str, path: str, **request: Any) -> AsyncIterator[Line]:
        try:
            async with self._client.stream(method, path, **request) as response:
                if response.status_code != httpx.codes.OK:
                    body = json.loads(await response.aread() or b"{}")
                    raise Failed(sentence(body.get("msg", "")) or f"it answered {response.status_code}")
                async for text in response.aiter_lines():
                    if text:
                        line = json.loads(text)
                        if line.get("code"):
                            raise Failed(sentence(line.get("msg", "")))
                        yield line
        except httpx.HTTPError as error:
            raise Failed(f"the platform at {self._run.url} broke off: {error}") from error


def sentence(msg: str) -> str:
    """An answer's text as it is said without HTTP: what stands behind the code's own words, or these alone."""
    detail = msg.partition(",")[2]
    return msg if not detail or detail.startswith(" ") else detail


@asynccontextmanager
async def operations(data_dir: Path) -> AsyncIterator[Operations]:
    """The running platform's operations, else those of the data directory itself."""
    from cozeloop.bootstrap import alone
    from infra.messaging.lock import DataDirInUse, DataDirLock
    from infra.vault.installation import KEY_FILE

    if not (data_dir / KEY_FILE).is_file():
        what = "no platform has run on" if data_dir.is_dir() else "there is no data directory"
        raise Failed(f"{what} {data_dir}; name one with --data-dir")
    try:
        lock = DataDirLock(data_dir).acquire()
    except DataDirInUse as in_use:
        run = RunFile.read(data_dir)
        if run is None:
            raise Failed(str(in_use)) from None
        remote = Remote(run)
        try:
            yield remote
        finally:
            await remote.close()
        return
    try:
        async with alone(settings_of(data_dir=data_dir), lock) as local:
            settle()
            yield local
    finally:
        lock.release()


def settings_of(**chosen: Any) -> Settings:
    """The settings, with these chosen on the command line; raises Failed naming the variable that is wrong."""
    try:
        return Settings(**chosen)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper().removeprefix("COZELOOP_")
        raise Failed(f"COZELOOP_{name}: {first['msg']}") from None


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs a command's work; a failure is one sentence on stderr and exit status 1."""
    os.umask(0o077)
    try:
        run_on_loop(work)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        typer.echo(f"cozeloop: {in_a_sentence(error)}", err=True)
        raise typer.Exit(1) from None


def in_a_sentence(error: Exception) -> str:
    """What an error says of itself. One that only a defect raises is also logged whole."""
    defect = isinstance(error, LookupError | TypeError | AttributeError | AssertionError | NameError)
    logging.getLogger(__name__).log(logging.ERROR if defect else logging.DEBUG, "what failed", exc_info=error)
    if defect:
        return f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error).partition("\n(Background on this error")[0] or type(error).__name__
