"""Where a backup lies: a directory, or one .zip file. It appears under its name when it is whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

PIECE = 1024 * 1024


class ArchiveUnusable(ValueError):
    """The place cannot be written to, or what lies there is no backup; the text says why."""


class Reading(Protocol):
    """An archive that is read."""

    def open(self, name: str) -> IO[bytes]:
        """A part; raises ArchiveUnusable when there is none."""
        ...


class Writing:
    """An archive under way. Parts are written one after the other; ``parts`` holds size and digest of each."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.parts: dict[str, dict[str, int | str]] = {}
        self._beside = target.with_name(f".{target.name}.partial")
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise ArchiveUnusable(f"{target} exists and is not empty: name another place")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.discard()
            self._zip = zipfile.ZipFile(self._beside, "x") if target.suffix == ".zip" else None
            if self._zip is None:
                self._beside.mkdir(mode=0o700)
        except OSError as error:
            raise ArchiveUnusable(f"{target} cannot be written to: {error.strerror or error}") from error

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """A part that is being written."""
        if self._zip is not None:
            with self._zip.open(name, "w", force_zip64=True) as file:
                yield (part := Part(file))
        else:
            path = self._beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as file:
                yield (part := Part(file))
                file.flush()
                os.fsync(file.fileno())
        self.parts[name] = {"bytes": part.size, "sha256": part.digest}

    def finish(self) -> None:
        """Puts it in place, durably."""
        if self._zip is not None:
            self._zip.close()
            with open(self._beside, "rb") as file:
                os.fsync(file.fileno())
        if self.target.is_dir():
            self.target.rmdir()
        self._beside.rename(self.target)
        folder = os.open(self.target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Leaves nothing of it."""
        if self._beside.is_dir():
            shutil.rmtree(self._beside)
        else:
            self._beside.unlink(missing_ok=True)


class Part:
    """Counts and digests what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        """SHA-256 so far."""
        return self._hash.hexdigest()


class Folder:
    """A backup in a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, name: str) -> IO[bytes]:
        """A part."""
        path = (self._path / name).resolve()
        if not path.is_relative_to(self._path.resolve()):
            raise ArchiveUnusable(f"{name} leads out of the backup")
        try:
            return open(path, "rb")
        except OSError as error:
            raise ArchiveUnusable(f"{self._path} is no whole backup: {name} cannot be read") from error


class Zipped:
    """A backup in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise ArchiveUnusable(f"{path} is no whole backup: {error}") from error

    def open(self, name: str) -> IO[bytes]:
        """A part."""
        try:
            return self._zip.open(name)
        except KeyError:
            raise ArchiveUnusable(f"{self._path} is no whole backup: {name} is not in it") from None


def opened(source: Path) -> Reading:
    """The backup at a path; raises ArchiveUnusable."""
    if not source.exists():
        raise ArchiveUnusable(f"there is no backup at {source}")
    return Folder(source) if source.is_dir() else Zipped(source)


def pieces(archive: Reading, name: str, expected: dict[str, int | str]) -> Iterator[bytes]:
    """A part in pieces; raises ArchiveUnusable at its end when it is not what was written."""
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as file:
        try:
            while piece := file.read(PIECE):
                digest.update(piece)
                size += len(piece)
                yield piece
        except (OSError, zipfile.BadZipFile) as error:
            raise ArchiveUnusable(f"{name} of the backup cannot be read: {error}") from error
    if (size, digest.hexdigest()) != (expected["bytes"], expected["sha256"]):
        raise ArchiveUnusable(f"{name} of the backup was altered or cut: its digest does not fit")
