"""The AsyncAPI 3 document of every event: what lies on NATS, what a subscription tells, what a webhook is sent.

Made from the registry of events alone (FastStream's own document describes handlers, and has neither our headers nor a
payload for what is read raw). ``python -m docs.generate`` writes it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from cozeloop.api.system import ASYNCAPI
from events import EVENTS
from events.event import Event

__all__ = ["ASYNCAPI", "build", "text"]

Json = dict[str, Any]
SCHEMAS, MESSAGES = "#/components/schemas/", "#/components/messages/"
TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "string", "pattern": "^[0-9]+$"}
MOMENT: Json = {"type": "string", "format": "date-time"}
DIGEST: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SEALED: Json = {
    "description": "A value that a user typed, as it is stored: AES-256-GCM under the space's key.",
    "type": "object",
    "required": ["key", "nonce"],
    "properties": {
        "key": {"type": "string", "description": "<space>.<generation>"},
        "nonce": {"type": "string", "contentEncoding": "base64"},
        "sealed": {"type": "string", "contentEncoding": "base64"},
        "object": {"type": "string", "description": "The name of the object that holds a large one."},
    },
    "oneOf": [{"required": ["sealed"]}, {"required": ["object"]}],
}


def build() -> Json:
    """The document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CozeLoop ES events",
            "version": "1",
            "description": "Every fact that can lie in the log. A released payload never changes: a new shape is a new "
            "schema version, the last part of `ce-dataschema`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A personal access token, or the operator's.",
                },
                "log": {"type": "userPassword", "description": "The user of the log's server."},
            },
        },
    }


def servers() -> Json:
    """Where the channels are."""
    return {
        "platform": {
            "host": "127.0.0.1:8888",
            "protocol": "http",
            "security": [{"$ref": "#/components/securitySchemes/token"}],
        },
        "log": {
            "host": "127.0.0.1:4222",
            "protocol": "nats",
            "description": "The stream EVENTS of JetStream. The embedded shape shows it to nobody outside.",
            "security": [{"$ref": "#/components/securitySchemes/log"}],
        },
        "receiver": {
            "host": "{host}",
            "protocol": "https",
            "description": "Whoever is told by a webhook.",
            "variables": {"host": {"description": "The host of the webhook's URL."}},
        },
    }


def channels() -> Json:
    """The log itself, and the two ways in which it is told outside."""
    every = {name: {"$ref": MESSAGES + name} for name in names()}
    told = {"Told": {"$ref": MESSAGES + "Told"}}
    parameters = {
        "space": {"description": "A space's id; `_` for users, spaces and tokens."},
        "capability": {"description": "Such as prompts.", "enum": capabilities()},
        "stream": {"description": "The rest of the stream's name: [<kind>.]<id>[.<part>]."},
    }
    return {
        "log": {
            "address": "events.{space}.{capability}.{stream}",
            "title": "The log",
            "description": "CloudEvents 1.0 in NATS' binary mode. A subject is a stream, its events chained by hash.",
            "servers": [{"$ref": "#/servers/log"}],
            "parameters": parameters,
            "messages": every,
        },
        "subscription": {
            "address": "/v1/platform/events",
            "title": "Subscription",
            "description": "Server-sent events from any position on, opened; `id` is the position.",
            "servers": [{"$ref": "#/servers/platform"}],
            "messages": told,
        },
        "webhook": {
            "address": "{path}",
            "title": "Webhook",
            "description": "Posted to the webhook's URL, signed by the rules of Standard Webhooks 1.0.",
            "servers": [{"$ref": "#/servers/receiver"}],
            "parameters": {"path": {"description": "The path of the webhook's URL."}},
            "messages": {"Delivered": {"$ref": MESSAGES + "Delivered"}},
        },
    }


def operations() -> Json:
    """What this backend does on the channels."""
    summaries = {
        "log": "Appends what was decided.",
        "subscription": "Tells readers what happens.",
        "webhook": "Tells a receiver what happens.",
    }
    return {
        f"send_{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "summary": summary}
        for name, summary in summaries.items()
    }


def messages() -> Json:
    """Every wire name with its headers and payload as they are stored, and the two forms in which they are told."""
    found: Json = {}
    for name in names():
        cls = EVENTS[name]
        found[name] = {
            "name": name,
            "title": name,
            "summary": summary(cls),
            "contentType": "application/json",
            "headers": headers(cls),
            "payload": {"$ref": SCHEMAS + name},
            "tags": [{"name": capability_of(cls)}],
        }
    told = {"contentType": "application/json", "payload": {"$ref": SCHEMAS + "EventLine"}}
    found["Told"] = {"name": "Told", "title": "An event, opened, with its envelope", **told}
    found["Delivered"] = {"name": "Delivered", "title": "An event that is posted", "headers": delivery(), **told}
    return found


def headers(cls: type[Event]) -> Json:
    """The ``ce-*`` headers of one wire name; values are percent-encoded."""
    name = cls.__name__
    said: Json = {
        "ce-id": {**TEXT, "description": "<command id>.<index in the command>"},
        "ce-source": {**TEXT, "description": "urn:cozeloop:<id of the log>"},
        "ce-type": {"const": name},
        "ce-time": MOMENT,
        "ce-specversion": {"const": "1.0"},
        "ce-subject": {**TEXT, "description": "The stream's name: the subject without `events.`."},
        "ce-dataschema": {"const": f"urn:cozeloop:event:{name}:{cls.schema_version}"},
        "ce-datacontenttype": {"const": "application/json"},
        "ce-streamversion": {**COUNT, "description": "Counts the stream's events from 1."},
        "ce-actor": {**TEXT, "description": "A user's id, or one of our own words."},
        "ce-commandid": TEXT,
        "ce-correlation": TEXT,
        "ce-hash": {**DIGEST, "description": "Over the stream's previous hash, the other ce- headers and the payload."},
    }
    required = list(said)
    said |= {"ce-commanddigest": TEXT, "ce-causation": TEXT, "ce-prevhash": DIGEST}
    if cls.header_fields:
        fields = ", ".join(cls.header_fields)
        said["ce-totals"] = {**TEXT, "contentMediaType": "application/json", "description": f"The fields {fields}."}
        required.append("ce-totals")
    return {"type": "object", "required": required, "properties": said}


def delivery() -> Json:
    """The headers of a webhook's delivery."""
    said: Json = {
        "webhook-id": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "The same however often it comes.",
        },
        "webhook-timestamp": {**COUNT, "description": "Unix seconds."},
        "webhook-signature": {
            "type": "string",
            "pattern": "^v1,",
            "description": "Base64 of HMAC-SHA-256 over id.timestamp.body.",
        },
    }
    return {"type": "object", "required": list(said), "properties": said}


def schemas() -> Json:
    """Every payload; a sealed field is opened or as it is stored, depending on who tells it."""
    classes = [EVENTS[name] for name in names()]
    refs, generated = models_json_schema([(c, "serialization") for c in classes], ref_template=SCHEMAS + "{model}")
    made: Json = json.loads(json.dumps(generated.get("$defs", {})))
    for cls in classes:
        key = refs[cls, "serialization"]["$ref"].removeprefix(SCHEMAS)
        schema = made.pop(key)
        for field in cls.sealed_fields():
            opened = schema["properties"][field]
            schema["properties"][field] = {
                "x-sealed": True,
                "anyOf": [*opened.get("anyOf", [opened]), {"$ref": SCHEMAS + "SealedValue"}],
            }
        if cls.header_fields:
            schema["x-in-header-ce-totals"] = list(cls.header_fields)
            schema["required"] = [n for n in schema.get("required", ()) if n not in cls.header_fields]
        made[cls.__name__] = schema
    made["SealedValue"] = SEALED
    made["EventLine"] = line()
    return {name: made[name] for name in sorted(made)}


def line() -> Json:
    """An event as subscriptions and webhooks tell it."""
    said: Json = {
        "position": {"type": "integer", "description": "Its place in the log."},
        "stream": TEXT,
        "version": {"type": "integer"},
        "type": {"type": "string", "description": "The wire name."},
        "schema_version": {"type": "integer"},
        "id": TEXT,
        "occurred_at": MOMENT,
        "recorded_at": {"type": ["string", "null"], "format": "date-time"},
        "actor": TEXT,
        "command_id": TEXT,
        "causation": TEXT,
        "correlation": TEXT,
        "hash": DIGEST,
        "payload": {
            "description": "Null for an event of a newer release.",
            "anyOf": [*({"$ref": SCHEMAS + name} for name in names()), {"type": "null"}],
        },
    }
    return {"type": "object", "required": list(said), "properties": said}


def names() -> list[str]:
    """Every wire name, sorted."""
    return sorted(EVENTS)


def capabilities() -> list[str]:
    """The words that stand second in a stream's name."""
    return sorted({capability_of(cls) for cls in EVENTS.values()})


def capability_of(cls: type[Event]) -> str:
    """The capability that says an event."""
    return cls.__module__.rpartition(".")[2]


def summary(cls: type[Event]) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")


def text() -> str:
    """The file's content."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"
