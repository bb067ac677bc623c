"""The streams: EVENTS for ever, DRAFTS with the last fifty revisions each, SPANS for a while, WORK in memory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

from infra.nats.connecting import Connect, Credentials, JetStreamRefused, ServerAway, ask, connect

__all__ = [
    "Client",
    "Connect",
    "Credentials",
    "ServerAway",
    "SpanLimits",
    "StreamUnfit",
    "connect",
    "ensure_streams",
    "ensure_work",
]

OLDEST_SERVER = (2, 15)
NOT_FOUND = 10059
NAME_TAKEN = 10058
DRAFTS_KEPT = 50

UNLIMITED = {"max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0}
EVENTS = {
    "name": "EVENTS",
    "subjects": ["events.>"],
    "storage": "file",
    "retention": "limits",
    "discard": "old",
    **UNLIMITED,
    "max_msgs_per_subject": -1,
    "compression": "none",
    "allow_atomic": True,
    "allow_direct": True,
    "deny_delete": True,
    "deny_purge": True,
}
DRAFTS = {
    "name": "DRAFTS",
    "subjects": ["drafts.>"],
    "storage": "file",
    "retention": "limits",
    "discard": "old",
    **UNLIMITED,
    "max_msgs_per_subject": DRAFTS_KEPT,
    "allow_direct": True,
}
WORK = {
    "name": "WORK",
    "subjects": ["work.>"],
    "storage": "memory",
    "retention": "workqueue",
    "discard": "new",
    "discard_new_per_subject": True,
    **UNLIMITED,
    "max_msgs_per_subject": 1,
}
SPANS = {
    "name": "SPANS",
    "subjects": ["spans.>"],
    "storage": "file",
    "retention": "limits",
    "discard": "old",
    **UNLIMITED,
    "max_msgs_per_subject": -1,
    "compression": "none",
    "allow_direct": True,
}
FORBIDDEN = ("mirror", "sources", "allow_msg_ttl", "allow_rollup_hdrs", "subject_transform", "republish", "sealed")
"""What would let an event disappear, change or come from elsewhere."""


class StreamUnfit(Exception):
    """The server or its stream cannot hold the log; the text says what is missing."""


@dataclass(frozen=True)
class SpanLimits:
    """How long and how much SPANS keeps: what is older has long been in the trace table, which keeps its own time."""

    age_days: float = 30.0
    bytes: int = 10 * 1024**3

    @property
    def config(self) -> dict[str, int]:
        """As JetStream says it; ages in nanoseconds."""
        return {"max_age": int(self.age_days * 86_400) * 1_000_000_000, "max_bytes": self.bytes}


KEEP = SpanLimits()


async def ensure_streams(admin: Client, replicas: int = 1, spans: SpanLimits = KEEP) -> str:
    """Creates what is missing and returns the id of the log; raises StreamUnfit.

    The id is made with the stream EVENTS and lies in its metadata: another id is another log.
    """
    check_version(admin)
    log_id = await _ensure_events(admin, replicas)
    await _ensure(admin, {**DRAFTS, "num_replicas": replicas})
    await _ensure(admin, {**SPANS, **spans.config, "num_replicas": replicas})
    await ensure_work(admin, replicas)
    return log_id


async def ensure_work(nc: Client, replicas: int = 1) -> str:
    """Creates the stream of tasks when it is missing and returns when it was made: another time is an empty queue."""
    return await _ensure(nc, {**WORK, "num_replicas": replicas})


async def described(nc: Client) -> dict[str, Any]:
    """The server's version, and of each stream its name, messages and bytes."""
    names: list[str] = (await ask(nc, "$JS.API.STREAM.NAMES")).get("streams") or []
    streams = []
    for name in sorted(names):
        state = (await ask(nc, f"$JS.API.STREAM.INFO.{name}"))["state"]
        streams.append({"name": name, "messages": state["messages"], "bytes": state["bytes"]})
    version = nc.connected_server_version
    return {"version": f"{version.major}.{version.minor}.{version.patch}", "streams": streams}


async def told_log(admin: Client, metadata: Mapping[str, str]) -> None:
    """Writes into the metadata of the stream EVENTS; what stands there under other names stays."""
    config = await _config(admin, "EVENTS")
    if config is None:
        raise StreamUnfit("there is no stream EVENTS")
    config["metadata"] = {**(config.get("metadata") or {}), **metadata}
    await ask(admin, "$JS.API.STREAM.UPDATE.EVENTS", config)


def check_version(nc: Client) -> None:
    """Raises StreamUnfit for a server that lacks what the log needs."""
    version = nc.connected_server_version
    if (version.major, version.minor) < OLDEST_SERVER:
        wanted = ".".join(map(str, OLDEST_SERVER))
        raise StreamUnfit(f"nats-server {version.major}.{version.minor} is too old: the log needs {wanted} or later")


def check_events(config: Mapping[str, Any]) -> None:
    """Raises StreamUnfit naming every setting of the stream EVENTS that could lose or alter events."""
    wrong = [f"{key} is {config.get(key)!r}" for key, wanted in EVENTS.items() if config.get(key, False) != wanted]
    wrong += [f"{key} is set" for key in FORBIDDEN if config.get(key)]
    if not (config.get("metadata") or {}).get("log_id"):
        wrong.append("metadata has no log_id")
    if wrong:
        raise StreamUnfit("the stream EVENTS is not fit to be the log: " + ", ".join(wrong))


async def _ensure_events(nc: Client, replicas: int) -> str:
    config = await _config(nc, "EVENTS")
    if config is None:
        wanted = {**EVENTS, "num_replicas": replicas, "metadata": {"log_id": secrets.token_hex(16)}}
        try:
            config = (await ask(nc, "$JS.API.STREAM.CREATE.EVENTS", wanted))["config"]
        except JetStreamRefused as refusal:
            if refusal.err_code != NAME_TAKEN:
                raise
            config = await _config(nc, "EVENTS") or {}
    check_events(config)
    return str(config["metadata"]["log_id"])


async def _ensure(nc: Client, wanted: Mapping[str, Any]) -> str:
    name = wanted["name"]
    try:
        info = await ask(nc, f"$JS.API.STREAM.INFO.{name}")
    except JetStreamRefused as refusal:
        if refusal.err_code != NOT_FOUND:
            raise
        info = await ask(nc, f"$JS.API.STREAM.CREATE.{name}", wanted)
    if any(info["config"].get(key, False) != value for key, value in wanted.items()):
        info = await ask(nc, f"$JS.API.STREAM.UPDATE.{name}", wanted)
    return str(info["created"])


async def _config(nc: Client, name: str) -> dict[str, Any] | None:
    try:
        config: dict[str, Any] = (await ask(nc, f"$JS.API.STREAM.INFO.{name}"))["config"]
    except JetStreamRefused as refusal:
        if refusal.err_code == NOT_FOUND:
            return None
        raise
    return config
