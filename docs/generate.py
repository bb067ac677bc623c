"""``python -m docs.generate`` writes the pages that are made from the code; ``--check`` compares them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import typer.main
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import events
from cozeloop.api import asyncapi
from cozeloop.settings import Settings
from events.event import Erased, Event

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by `python -m docs.generate`; do not edit. -->"
PLAIN: Mapping[Any, str] = {str: "text", int: "integer", float: "number", bool: "yes or no", Any: "any"}


def pages() -> Iterator[tuple[Path, str]]:
    """Every generated page with its text."""
    yield REFERENCE / "settings.md", settings()
    yield REFERENCE / "events.md", catalogue()
    yield REFERENCE / "cli.md", commands()
    yield asyncapi.ASYNCAPI, asyncapi.text()


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return Settings.model_fields[name].alias or f"COZELOOP_{name.upper()}"


def settings() -> str:
    """The table of settings, in the order of their declaration."""
    lines = [
        "# Settings",
        MADE,
        "Environment variables, read once at start. `--data-dir`, `--host` and `--port` of `cozeloop up` beat them.",
        "| variable | default | meaning |\n|---|---|---|",
    ]
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", PydanticUndefined) else f"`{field.default}`"
        rows.append(f"| `{environment_name(name)}` | {default} | {field.description} |")
    return page([*lines[:-1], "\n".join([lines[-1], *rows])])


def catalogue() -> str:
    """Every event by capability, with its fields."""
    parts = [
        "# Events",
        MADE,
        "The public contract: every fact that can lie in the log. The heading is the wire name, the class and the "
        "header `ce-type`. A *sealed* field is stored encrypted under its space's key; one marked *header* travels as "
        "`ce-totals`. A released payload never changes: a new shape is a new version, and "
        "[the golden files](../../tests/golden) hold the old ones.",
    ]
    for info in pkgutil.iter_modules(events.__path__):
        module = importlib.import_module(f"events.{info.name}")
        own = [v for v in vars(module).values() if inspect.isclass(v) and v.__module__ == module.__name__]
        facts = [c for c in own if issubclass(c, Event) and c is not Event]
        if info.name == "event":
            continue
        parts += [f"## {info.name}", paragraph(module.__doc__)]
        for cls in facts:
            parts += [f"### {cls.__name__}", f"Version {cls.schema_version}. {paragraph(cls.__doc__)}", fields(cls)]
        for cls in own:
            if issubclass(cls, BaseModel) and cls not in facts:
                parts += [f"### {info.name}: {cls.__name__}", f"A part. {paragraph(cls.__doc__)}", fields(cls)]
    return page(parts)


def fields(cls: type[BaseModel]) -> str:
    """The table of a model's fields."""
    sealed = cls.sealed_fields() if issubclass(cls, Event) else ()
    header = cls.header_fields if issubclass(cls, Event) else ()
    rows = ["| field | type | |", "|---|---|---|"]
    for name, field in cls.model_fields.items():
        mark = "sealed" if name in sealed else "header" if name in header else ""
        rows.append(f"| `{name}` | {kind(field.annotation)} | {mark} |")
    return "\n".join(rows)


def kind(annotation: Any) -> str:
    """A type in words."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(arguments[0])
    if origin in (Union, types.UnionType):
        left = [a for a in arguments if a not in (Erased, type(None))]
        return " or ".join(map(kind, left)) + (" or null" if type(None) in arguments else "")
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin in (tuple, list):
        return f"list of {kind(arguments[0])}"
    if origin is dict:
        return "object"
    return str(annotation.__name__)


def commands() -> str:
    """Every command of the command line with its options."""
    from cozeloop.cli import app

    parts = ["# Commands", MADE, "As `--help` shows them. A command that failed exits with a status other than 0."]
    for words, command in leaves(typer.main.get_command(app), ("cozeloop",)):
        shown = [f"| {spelling(p)} | {meaning(p)} |" for p in command.params if p.name != "help"]
        table = ["\n".join(["| | |", "|---|---|", *shown])] if shown else []
        parts += [f"## {' '.join(words)}", paragraph(command.help), *table]
    return page(parts)


def leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The commands that do something, each with the words that call it."""
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        if hasattr(inner, "commands"):
            yield from leaves(inner, (*words, name))
        else:
            yield (*words, name), inner


def spelling(parameter: Any) -> str:
    """How an option or argument is given."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`" + (" …" if parameter.nargs == -1 else "")
    return ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))


def meaning(parameter: Any) -> str:
    """What it is for, with its default."""
    text = getattr(parameter, "help", "") or ""
    shown = parameter.default if parameter.param_type_name == "option" else None
    if shown in (None, "", False, True) or callable(shown):
        return text
    return f"{text} Default `{shown}`."


def paragraph(text: str | None) -> str:
    """A docstring as Markdown: literals with one backtick, and nothing that a reader would take for a tag."""
    return inspect.cleandoc(text or "").replace("``", "`")


def page(parts: list[str]) -> str:
    """Paragraphs with an empty line between them."""
    return "\n\n".join(parts) + "\n"


def outdated() -> list[str]:
    """Names of the pages whose text is not what the code gives."""
    return [path.name for path, text in pages() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Writes the pages; with ``--check``, 1 when one of them is not current."""
    if "--check" in arguments:
        for name in (stale := outdated()):
            print(f"{name} is not current: run `python -m docs.generate`")
        return 1 if stale else 0
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
