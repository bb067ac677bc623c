"""The contract file: the endpoints that this backend declares, and every type that they reach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTRACT = Path(__file__).with_name("contract.json")
ENDPOINT_KEYS = ("m", "name", "verb", "path", "auth", "reqT", "respT")
FIELD_KEYS = ("n", "t", "in", "key", "v")
REFERENCE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")


@dataclass(frozen=True)
class Contract:
    """``endpoints`` in the order of the file, ``types`` by thrift name."""

    endpoints: list[dict[str, Any]]
    types: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Contract:
        """The contract of a file of ours or of the full one."""
        loaded = json.loads(path.read_text())
        return cls(loaded["endpoints"], loaded["types"])


def route_of(endpoint: dict[str, Any]) -> str:
    """``VERB /path``: the name of an endpoint."""
    return f"{endpoint['verb']} {endpoint['path']}"


def refresh(ours: Path, full: Path, added: Iterable[str] = ()) -> str:
    """The text of our file with the facts of the full one; raises KeyError for an endpoint that it does not have."""
    source = Contract.read(full)
    by_route = {route_of(e): e for e in source.endpoints}
    declared = [route_of(e) for e in Contract.read(ours).endpoints] if ours.exists() else []
    chosen = [by_route[r] for r in dict.fromkeys((*declared, *added))]
    endpoints = [_endpoint(e) for e in chosen]
    names = _reached(endpoints, source.types)
    lines = ['{"endpoints": [', ",\n".join(_line(e) for e in endpoints), '],\n"types": {']
    lines.append(",\n".join(f"{json.dumps(n)}: {_line(_type(source.types[n]))}" for n in names))
    return "\n".join([*lines, "}}\n"])


def _reached(endpoints: list[dict[str, Any]], types: dict[str, dict[str, Any]]) -> list[str]:
    found: set[str] = set()
    waiting = [f["t"] for e in endpoints for f in (*e["req"], *e["resp"])]
    while waiting:
        for name in REFERENCE.findall(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.extend(f["t"] for f in types[name].get("f", ()))
    return sorted(found)


def _endpoint(endpoint: dict[str, Any]) -> dict[str, Any]:
    kept = {k: endpoint[k] for k in ENDPOINT_KEYS if k in endpoint}
    return {**kept, **{side: [_field(f) for f in endpoint.get(side, ())] for side in ("req", "resp")}}


def _type(type_: dict[str, Any]) -> dict[str, Any]:
    return {**type_, "f": [_field(f) for f in type_["f"]]} if "f" in type_ else type_


def _field(field: dict[str, Any]) -> dict[str, Any]:
    return {k: field[k] for k in FIELD_KEYS if k in field}


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
