"""Writes the golden file of every event version that has none yet, and adds its digest to SHA256SUMS."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from events import EVENTS
from events.event import Event

HERE = Path(__file__).parent
SUMS = HERE / "SHA256SUMS"


def example(schema: dict[str, Any], root: dict[str, Any], name: str = "value") -> Any:
    """A small value that fits a JSON schema, the same each time."""
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].rpartition("/")[2]], root, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        choices = [s for s in schema["anyOf"] if "Erased" not in s.get("$ref", "") and s.get("type") != "null"]
        return example(choices[0], root, name)
    kind = schema.get("type")
    if kind == "object":
        if "properties" in schema:
            return {k: example(s, root, k) for k, s in schema["properties"].items()}
        extra = schema.get("additionalProperties")
        return {"key": example(extra, root, name)} if isinstance(extra, dict) else {"key": "value"}
    if kind == "array":
        items = schema.get("items") or {"type": "string"}
        return [example(items, root, name)]
    return {"integer": 7, "number": 0.5, "boolean": True, "string": f"{name} 值"}.get(str(kind))


def golden(cls: type[Event]) -> str:
    """The golden file's text for today's version."""
    schema = cls.model_json_schema()
    payload = cls.model_validate(example(schema, schema)).model_dump(mode="json")
    content = {"type": cls.__name__, "schema_version": cls.schema_version, "payload": payload}
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> None:
    for name, cls in sorted(EVENTS.items()):
        path = HERE / f"{name}.v{cls.schema_version}.json"
        if not path.exists():
            path.write_text(golden(cls))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            with SUMS.open("a") as sums:
                sums.write(f"{digest}  {path.name}\n")
            print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
