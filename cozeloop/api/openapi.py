"""``python -m cozeloop.api.openapi`` writes openapi.json; ``--check`` says whether the file is up to date."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from pydantic.json_schema import models_json_schema

from cozeloop.api.catalogue import declared
from cozeloop.api.routing import Declared
from cozeloop.api.scalars import WireModel
from cozeloop.api.system import OPEN, OPENAPI

Json = dict[str, Any]
REF = "#/components/schemas/"
OUTCOME: Json = {"code": {"type": "integer", "description": "0, or the error's code"}, "msg": {"type": "string"}}
SECURITY: Json = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session_key"},
    "token": {"type": "http", "scheme": "bearer", "description": "A personal access token."},
    "operator": {"type": "http", "scheme": "bearer", "description": "The operator's token, in DATA_DIR/run.json."},
}


def build() -> Json:
    """The document of every declared route."""
    routes = declared()
    names, schemas = components({m for r in routes for m in (r.request, r.response)})
    paths: Json = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(
            route, schemas[names[route.request]], schemas[names[route.response]]
        )
    for path, serve in OPEN.items():
        answer = {"200": {"description": (serve.__doc__ or "").splitlines()[0]}}
        about = {"summary": (serve.__doc__ or "").splitlines()[0], "tags": ["platform"], "responses": answer}
        paths[path] = {"get": {"operationId": serve.__name__, **about}}
    used = reachable(paths, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CozeLoop ES",
            "version": "1",
            "description": "Every answer is JSON with code (0 = success) and msg. 64-bit integers are decimal strings.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schemas[name] for name in sorted(used)},
            "securitySchemes": SECURITY,
        },
    }


def operation(route: Declared, asked: Json, answered: Json) -> Json:
    """One route: what goes into path, query and body, and what comes back."""
    fields: Json = asked.get("properties", {})
    in_path = re.findall(r"{(\w+)}", route.path)
    places = dict.fromkeys(in_path, "path") | {n: p for n, p in route.request.PLACES.items() if n not in in_path}
    if route.method == "GET":
        places = {n: places.get(n, "query") for n in fields}
    handler = route.handler
    made: Json = {
        "operationId": route.response.__name__.removesuffix("Response") + suffix(route),
        "summary": (handler.__doc__ or "").splitlines()[0] if handler.__doc__ else "",
        "tags": [tag_of(route)],
        **({} if route.signed else {"security": security(route)}),
        "responses": {"200": {"description": "The answer, or an error.", "content": media(answer(answered))}},
    }
    if places:
        made["parameters"] = [
            {"name": n, "in": p, "required": p == "path", "schema": fields.get(n, {"type": "string"})}
            for n, p in places.items()
        ]
    body = {n: s for n, s in fields.items() if n not in places}
    if body:
        made["requestBody"] = {"content": media({"type": "object", "properties": body})}
    return made


def suffix(route: Declared) -> str:
    """Routes that share one answer type are told apart: the operator's by their handlers, those that look back."""
    if route.path.startswith("/v1/platform/as-of/"):
        return "_as_of"
    return f"_{getattr(route.handler, '__name__', '')}" if route.operator else ""


def answer(answered: Json) -> Json:
    """The answer's fields beside code and msg."""
    return {"type": "object", "properties": {**OUTCOME, **answered.get("properties", {})}}


def security(route: Declared) -> list[Json]:
    """Which credential the route takes."""
    if route.anonymous:
        return []
    if route.operator:
        return [{"operator": []}]
    if route.either:
        return [{"token": []}, {"operator": []}]
    return [{"session": []}] if route.path.startswith("/api/") else [{"token": []}]


def tag_of(route: Declared) -> str:
    """The capability that declared the route."""
    parts = route.handler.__module__.split(".")
    return parts[2] if len(parts) > 3 else "platform"


def media(schema: Json) -> Json:
    """JSON of this schema."""
    return {"application/json": {"schema": schema}}


def components(models: set[type[WireModel]]) -> tuple[dict[type[WireModel], str], Json]:
    """The models' names, and by name the schemas of all that they reach."""
    ordered = sorted(models, key=lambda m: (m.__module__, m.__name__))
    refs, generated = models_json_schema([(m, "validation") for m in ordered], ref_template=REF + "{model}")
    names = {model: readable(refs[model, "validation"]["$ref"].removeprefix(REF)) for model in ordered}
    schemas = json.loads(readable(json.dumps(generated.get("$defs", {}))))
    return names, {name: tidy(schema) for name, schema in schemas.items()}


def readable(text: str) -> str:
    """``prompt.Message`` for what pydantic calls by its whole module where two have one name."""
    return re.sub(r"cozeloop__api__wire__(\w+?)__", r"\1.", text)


def tidy(schema: Any) -> Any:
    """Without generated titles, and without the null that every optional field may be."""
    if isinstance(schema, list):
        return [tidy(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str)) and k != "default"}
    if "properties" in kept:
        kept["properties"] = {n: tidy(s) for n, s in kept["properties"].items()}
    choices = [c for c in kept.get("anyOf", ()) if c != {"type": "null"}]
    if len(choices) == 1:
        return tidy({k: v for k, v in kept.items() if k != "anyOf"} | choices[0])
    return {k: v if k == "properties" else tidy(v) for k, v in kept.items()}


def reachable(paths: Json, schemas: Json) -> set[str]:
    """The schemas that the paths name, and those that these name."""
    found: set[str] = set()
    waiting = [json.dumps(paths)]
    while waiting:
        for name in re.findall(re.escape(REF) + r'([^"]+)"', waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(json.dumps(schemas[name]))
    return found


def text() -> str:
    """The file's content."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Writes the file; with ``--check``, 1 when it is not up to date."""
    made = text()
    if "--check" not in arguments:
        OPENAPI.write_text(made)
        return 0
    if OPENAPI.exists() and OPENAPI.read_text() == made:
        return 0
    print("openapi.json is not what the routes give: run python -m cozeloop.api.openapi", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
