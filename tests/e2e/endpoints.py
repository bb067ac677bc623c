"""Every endpoint that the platform declares, and a request to it that means something."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from cozeloop.demo.tour import cell
from tests.e2e.callers import detail

READ_WORDS = {"list", "batch_get", "mget", "session"}


@dataclass(frozen=True)
class Call:
    """One declared endpoint."""

    method: str
    path: str
    operation: dict[str, Any]
    schemas: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def open(self) -> bool:
        """Whether it is for everybody."""
        return not self.operation.get("security")

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET" or self.path.rpartition("/")[2] in READ_WORDS

    @property
    def asked(self) -> dict[str, Any] | None:
        """The schema of its body, None when it declares none."""
        content = self.operation.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if content else None

    def places(self, place: str) -> dict[str, dict[str, Any]]:
        """The parameters in ``path`` or ``query`` with their schemas."""
        return {p["name"]: p["schema"] for p in self.operation.get("parameters", ()) if p["in"] == place}

    def address(self, ids: dict[str, Any]) -> str:
        """The path with the ids in it."""
        known = {**SAMPLES, **ids}
        path = self.path
        for name in self.places("path"):
            path = path.replace(f"{{{name}}}", str(known.get(name, "1")))
        return path

    def query(self, ids: dict[str, Any]) -> dict[str, Any]:
        """What the query says of what is known."""
        known = {**SAMPLES, **ids}
        return {n: known[n] for n in self.places("query") if n in known}

    def body(self, ids: dict[str, Any]) -> dict[str, Any] | None:
        """What the body says of what is known, None when it declares none."""
        known = {**SAMPLES, **ids}
        if self.asked is None:
            return None
        body = self._filled(self.asked, known)
        return {**body, "session": known["session"]} if "session" in known else body

    def send(self, http: httpx.Client, ids: dict[str, Any]) -> httpx.Response:
        """Calls it with the ids in path, query and body wherever the declaration has a field of that name."""
        return http.request(self.method, self.address(ids), params=self.query(ids), json=self.body(ids))

    def _filled(self, schema: dict[str, Any], known: dict[str, Any], depth: int = 0) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for name, wanted in self.resolved(schema).get("properties", {}).items():
            value = self._value(name, wanted, known, depth)
            if value not in (None, {}, []):
                filled[name] = value
        return filled

    def _value(self, name: str, schema: dict[str, Any], known: dict[str, Any], depth: int) -> Any:
        if name in known:
            several = schema.get("type") == "array" and not isinstance(known[name], list)
            return [known[name]] if several else known[name]
        if schema.get("type") == "array":
            inner = self._value(name.removesuffix("s"), schema.get("items", {}), known, depth)
            return [] if inner in (None, {}) else [inner]
        if depth < 3 and "properties" in self.resolved(schema):
            return self._filled(schema, known, depth + 1)
        return None

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema itself, also where another is named."""
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.schemas[name] if name else schema


SAMPLES: dict[str, Any] = {
    "page_number": 1,
    "page_num": 1,
    "page_size": 20,
    "name": "probe",
    "prompt_name": "probe",
    "tag_key_name": "probe",
    "tag_type": "tag",
    "tag_content_type": "free_text",
    "tag_values": [],
    "to_status": "inactive",
    "duration_day": "1",
    "scenario": "default",
    "with_commit": "true",
    "with_draft": "true",
    "with_commit_detail": "true",
    "include_deleted": True,
    "evaluator_type": 2,
    "evaluator_content": {
        "code_evaluator": {"language_type": "Python", "code_content": "def exec_evaluation(turn): ..."}
    },
    "turns": [{"field_data_list": [cell("input", "probe")]}],
    "fields": [{"key": "input", "name": "input", "content_type": "Text"}],
    "prompt_draft": {"draft_info": {}, "detail": detail("probe")},
    "model_id": "1",
    "keys": ["probe.jsonl"],
    "start_time": str(int(time.time() * 1000) - 86_400_000),
    "end_time": str(int(time.time() * 1000) + 86_400_000),
    "span_list_type": "all_span",
    "started_at_micros": int(time.time() * 1e6),
    "url": "https://hooks.invalid/probe",
}
"""What a request needs beside ids so that it is not refused for being empty."""


def declared(url: str) -> list[Call]:
    """Every endpoint that the platform's own documentation declares."""
    document = httpx.get(f"{url}/openapi.json").json()
    schemas = document.get("components", {}).get("schemas", {})
    return [
        Call(method.upper(), path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
