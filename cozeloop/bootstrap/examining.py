"""The checks of `cozeloop doctor`. A part with a dependency of its own adds one with `Process.on_doctor`."""

from __future__ import annotations

import asyncio
import platform as machine
import secrets
import shutil
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, func, select

from cozeloop.bootstrap.core import Core
from cozeloop.examining import FAILED, OFF, OK, WARNING, Examination, Finding
from cozeloop.projecting.tables import PARKED
from infra.llm.catalogue import load_catalogue
from infra.messaging.streams import described
from projections import READ_MODELS

GIB = 1 << 30
LITTLE_ROOM = 0.1
"""Part of the disk below which it is worth a look."""
FAR_BEHIND = 10_000
"""Events that a read model may be behind without a warning."""
REACH_SECONDS = 3.0


def open_examination(core: Core, code: Any) -> Examination:
    """Every check that this process can make; those of other parts come last."""
    doctor = Doctor(core, code)
    own = {
        "platform": doctor.process,
        "disk": doctor.disk,
        "nats-server": doctor.server,
        "event log": doctor.log,
        "read database": doctor.database,
        "read models": doctor.read_models,
        "vault": doctor.vault,
        "objects": doctor.objects,
        "redis": doctor.limits,
        "sandbox": doctor.sandbox,
        "models": doctor.models,
    }
    return Examination(lambda: {**own, **core.process.checks})


class Doctor:
    """The checks of what every platform has."""

    def __init__(self, core: Core, code: Any) -> None:
        self._core = core
        self._code = code

    async def process(self) -> list[Finding]:
        """The process itself and what it says is wrong."""
        trouble = self._core.process.trouble()
        facts = {"version": version("cozeloop-es"), "python": machine.python_version()}
        said = (
            trouble or f"version {facts['version']}, Python {facts['python']}, {machine.system()} {machine.machine()}"
        )
        return [Finding("platform", FAILED if trouble else OK, said, facts)]

    async def disk(self) -> list[Finding]:
        """Room for the data directory."""
        disk = shutil.disk_usage(self._core.process.data)
        said = f"{disk.free / GIB:.1f} of {disk.total / GIB:.1f} GiB are free at {self._core.process.data}"
        short = self._core.disk.shortage
        state = FAILED if short else WARNING if disk.free < LITTLE_ROOM * disk.total else OK
        return [Finding("disk", state, short or said, {"free": disk.free, "total": disk.total})]

    async def server(self) -> list[Finding]:
        """The log's server and its streams."""
        found = await described(self._core.nc)
        shown = ", ".join(f"{s['name']} {s['messages']} messages" for s in found["streams"])
        return [Finding("nats-server", OK, f"version {found['version']}: {shown}", found)]

    async def log(self) -> list[Finding]:
        """The log, its name and its witness."""
        core = self._core
        end, anchor = await core.log.end(), core.anchor.anchor.position
        facts = {"position": f"{core.log.name}:{end}", "log_id": core.log_id, "anchor": anchor}
        said = core.log.stopped or f"ends at {facts['position']}, the anchor stands at {anchor}"
        return [Finding("event log", FAILED if core.log.stopped else OK, said, facts)]

    async def database(self) -> list[Finding]:
        """The database of the read models."""
        name, told = await self._core.database.read(_version)
        return [Finding("read database", OK, f"{name} {told}", {"dialect": name, "version": told})]

    async def read_models(self) -> list[Finding]:
        """Where each read model stands, and what of it is parked."""
        core = self._core
        end, parked = await core.log.end(), await core.database.read(_parked)
        findings = []
        for model in READ_MODELS:
            at = core.projection.positions.of(model.name)
            lag, streams = max(0, end - at), parked.get(model.name, [])
            stopped = core.projection.stopped.get(model.name, "")
            facts = {"position": at, "lag": lag, "parked": streams, "stopped": stopped}
            said = f"at {at}, {lag} behind"
            if streams:
                first = streams[0]
                where = f"{first['position']} ({first['stream']})"
                said += f", {len(streams)} streams parked, first at {where}: {first['error']}"
            state = FAILED if stopped else WARNING if streams or lag > FAR_BEHIND else OK
            findings.append(
                Finding(f"read model {model.name}", state, f"stopped: {stopped}" if stopped else said, facts)
            )
        return findings

    async def vault(self) -> list[Finding]:
        """The vault and its keys."""
        vault = self._core.vault
        name, told = await vault.database.read(_version)
        keys = await vault.database.read(
            lambda conn: conn.scalar(select(func.count()).select_from(vault.tables.data_keys))
        )
        destroyed = await vault.keys.destroyed()
        unfinished = sum(not row["finished"] for row in destroyed)
        said = f"{name} {told}, {keys} keys, {len(destroyed)} destroyed"
        if unfinished:
            said += f", of which {unfinished} are not erased everywhere yet: start the platform to go on"
        facts = {"dialect": name, "version": told, "keys": keys, "destroyed": len(destroyed), "unfinished": unfinished}
        return [Finding("vault", WARNING if unfinished else OK, said, facts)]

    async def objects(self) -> list[Finding]:
        """Whether an object can be written, read and removed."""
        name, data = f"doctor/probe/{secrets.token_hex(8)}", secrets.token_bytes(16)
        url = urlsplit(self._core.process.settings.objects_url)
        where = f"S3 at {url.hostname}{url.path}" if url.hostname else "files"
        await self._core.objects.put(name, data)
        read = await self._core.objects.get(name)
        await self._core.objects.remove(name)
        same = read == data
        return [Finding("objects", OK if same else FAILED, where if same else f"{where}: what was written is not read")]

    async def limits(self) -> list[Finding]:
        """Redis, when it is configured."""
        url = self._core.process.settings.cache_url
        if not url:
            return [Finding("redis", OFF, "rate limits are kept in this process")]
        from infra.cache.ping import ping

        told = await ping(url)
        return [Finding("redis", OK, f"version {told}", {"version": told})]

    async def sandbox(self) -> list[Finding]:
        """Whether code evaluators can be run."""
        fault = await self._code.self_test()
        unsafe = self._core.process.settings.unsafe_code
        if unsafe:
            return [Finding("sandbox", WARNING, "COZELOOP_UNSAFE_CODE=1: code evaluators run without isolation")]
        return [Finding("sandbox", FAILED if fault else OK, fault or "isolation holds")]

    async def models(self) -> list[Finding]:
        """Whether each configured endpoint takes connections. Nothing is asked of it, and no key is sent."""
        path = self._core.process.settings.model_config_path
        if path is None:
            return [Finding("models", OFF, "none is configured")]
        return list(await asyncio.gather(*(_reached(m) for m in load_catalogue(path).models)))


async def _reached(model: Any) -> Finding:
    what, base = f"model {model.name}", model.protocol_config.base_url
    if not base:
        return Finding(what, OK, "the endpoint of its provider; not tried")
    url = urlsplit(base)
    port = url.port or (443 if url.scheme == "https" else 80)
    where = f"{url.hostname}:{port}"
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(url.hostname, port)
        writer.close()
    except TimeoutError:
        return Finding(what, FAILED, f"{where} does not answer within {REACH_SECONDS:g} s", {"endpoint": where})
    except OSError as error:
        return Finding(what, FAILED, f"{where} cannot be reached: {error.strerror or error}", {"endpoint": where})
    return Finding(what, OK, f"{where} takes connections", {"endpoint": where})


def _version(conn: Connection) -> tuple[str, str]:
    conn.execute(select(1))
    dialect = conn.dialect
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    told: tuple[Any, ...] = getattr(dialect, "server_version_info", None) or getattr(
        dialect.dbapi, "sqlite_version_info", ()
    )
    return name, ".".join(str(part) for part in told)


def _parked(conn: Connection) -> dict[str, list[dict[str, Any]]]:
    """Of each read model the first parked event of every parked stream."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in conn.execute(select(PARKED).order_by(PARKED.c.position)).mappings():
        event = {"stream": row["stream"], "position": row["position"], "error": row["error"]}
        found.setdefault(row["model"], {}).setdefault(row["stream"], event)
    return {model: list(streams.values()) for model, streams in found.items()}
