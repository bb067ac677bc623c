"""The AsyncAPI 3 document: current, whole by the specification's rules, and true of what is stored and told."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from cozeloop.api import asyncapi
from cozeloop.subscribers.webhooks import signed
from cozeloop.subscriptions import encoded
from events import EVENTS
from events.event import Metadata, Recorded, Stream
from infra.eventstore.envelope import headers_of
from tests.unit.api.fakes import World

GOLDEN = Path(__file__).parents[2] / "golden"
DOCUMENT = json.loads(asyncapi.ASYNCAPI.read_text())
FIELDS = {
    "": {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    },
    "server": {
        "host",
        "protocol",
        "protocolVersion",
        "pathname",
        "description",
        "title",
        "summary",
        "variables",
        "security",
    },
    "channel": {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "bindings"},
    "operation": {"action", "channel", "title", "summary", "description", "security", "tags", "messages", "reply"},
    "message": {
        "headers",
        "payload",
        "correlationId",
        "contentType",
        "name",
        "title",
        "summary",
        "description",
        "tags",
    },
    "parameter": {"enum", "default", "description", "examples", "location"},
}
"""The fixed fields of AsyncAPI 3.0.0's objects, as far as this document may use them."""
META = Metadata("7", "command", datetime(2025, 1, 1, tzinfo=UTC), command_digest="ab", causation="before")


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [r for v in value.values() for r in references(v)]
    return [r for v in value for r in references(v)] if isinstance(value, list) else []


def validator(schema: dict[str, Any]) -> Draft7Validator:
    """Of a schema of the document, with whatever it names."""
    return Draft7Validator({**schema, "components": DOCUMENT["components"]})


def golden() -> list[tuple[str, dict[str, Any]]]:
    found = [json.loads(p.read_text()) for p in sorted(GOLDEN.glob("*.json"))]
    return [(f["type"], f["payload"]) for f in found if EVENTS[f["type"]].schema_version == f["schema_version"]]


def test_the_file_is_what_the_registry_gives() -> None:
    assert asyncapi.ASYNCAPI.read_text() == asyncapi.text(), "run `python -m docs.generate`"
    link = Path(__file__).parents[3] / "docs" / "reference" / "asyncapi.json"
    assert link.read_text() == asyncapi.ASYNCAPI.read_text()


def test_it_has_what_the_specification_requires_and_nothing_that_it_does_not_know() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT) <= FIELDS[""]
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= set(server) <= FIELDS["server"]
        assert set(re.findall(r"{(\w+)}", server["host"])) == set(server.get("variables", ()))
    for channel in DOCUMENT["channels"].values():
        assert set(channel) <= FIELDS["channel"]
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", ()))
        assert all(set(p) <= FIELDS["parameter"] for p in channel.get("parameters", {}).values())
        assert all(s["$ref"].startswith("#/servers/") for s in channel["servers"])
        assert channel["messages"]
    for operation in DOCUMENT["operations"].values():
        assert {"action", "channel"} <= set(operation) <= FIELDS["operation"]
        assert operation["action"] in ("send", "receive")
        assert operation["channel"]["$ref"].startswith("#/channels/")
    for message in DOCUMENT["components"]["messages"].values():
        assert set(message) <= FIELDS["message"]
    for scheme in DOCUMENT["components"]["securitySchemes"].values():
        assert scheme["type"] in ("http", "userPassword")
    names = [*DOCUMENT["components"]["messages"], *DOCUMENT["components"]["schemas"]]
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    assert all(resolved(r) for r in references(DOCUMENT))
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
    for message in DOCUMENT["components"]["messages"].values():
        Draft7Validator.check_schema(message.get("headers", {}))


def test_every_wire_name_is_a_message_with_headers_and_payload() -> None:
    messages = DOCUMENT["components"]["messages"]
    assert set(messages) == {*EVENTS, "Told", "Delivered"}
    for name in EVENTS:
        assert messages[name]["name"] == name
        assert messages[name]["headers"]["properties"]["ce-type"] == {"const": name}
        assert messages[name]["payload"]["$ref"] == f"#/components/schemas/{name}"
        assert DOCUMENT["channels"]["log"]["messages"][name]["$ref"].endswith(f"/{name}")


@pytest.mark.parametrize(("name", "payload"), golden(), ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_stored_and_what_is_told_is_what_it_says(name: str, payload: dict[str, Any]) -> None:
    cls = EVENTS[name]
    sealed = {"key": "7.1", "nonce": "AAAA", "sealed": "AAAA"}
    stored = {k: sealed if k in cls.sealed_fields() else v for k, v in payload.items() if k not in cls.header_fields}
    schema = DOCUMENT["components"]["schemas"][name]
    for told in (payload, stored):
        assert list(validator(schema).iter_errors(told)) == []
    stream = Stream("7", "prompts", "1")
    kept = headers_of(
        log_id="log", stream=stream, type_=name, schema_version=cls.schema_version, version=2, index=0, meta=META
    )
    kept |= {"ce-hash": "a" * 64, "ce-prevhash": "b" * 64} | ({"ce-totals": "{}"} if cls.header_fields else {})
    headers = DOCUMENT["components"]["messages"][name]["headers"]
    assert list(validator(headers).iter_errors(kept)) == []
    assert set(kept) <= set(headers["properties"])
    event = cls.model_validate(payload)
    line = json.loads(encoded(Recorded(event, stream, 2, 9, "command.0", None, META, "a" * 64)))
    wanted = DOCUMENT["components"]["schemas"]["EventLine"]
    assert list(validator(wanted).iter_errors(line)) == []
    assert set(line) == set(wanted["properties"])


def test_a_payload_of_another_shape_is_not_what_it_says() -> None:
    schema = DOCUMENT["components"]["schemas"]["PromptDeleted"]
    assert not list(validator(schema).iter_errors({"prompt_id": "1", **missing(schema)}))
    assert list(validator(schema).iter_errors({"prompt_id": 1}))
    assert list(validator(schema).iter_errors({}))


def missing(schema: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(set(schema["required"]) - {"prompt_id"}, "")


def test_a_delivery_s_headers_are_what_it_says() -> None:
    headers = DOCUMENT["components"]["messages"]["Delivered"]["headers"]
    assert list(validator(headers).iter_errors(signed(b"secret", "ab" * 16, 1, b"{}"))) == []


async def test_it_is_served_as_a_file() -> None:
    async with World().client(None) as client:
        assert (await client.get("/asyncapi.json")).json() == DOCUMENT
