"""Random histories: any registered events, in any order, on ids that collide. For hypothesis.

Events are built from their own schema. Fields that hold an id draw from a handful, so that streams and rows meet;
texts hold what users type (any Unicode but what the edge refuses); sealed fields are sometimes erased. No decider has
seen such a history, and a projector must take it all the same.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from events import EVENTS
from events.event import Erased, Event, Recorded, Stream
from tests.projected import History

IDS = ("1", "2", "9007199254740993")
SPACES = ("70", "71")
DIGESTS = ("0" * 32, "f" * 32)
VERSIONS = ("0.0.1", "0.0.2", "1.10.0")

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
documents = st.recursive(
    leaves, lambda v: st.lists(v, max_size=2) | st.dictionaries(texts, v, max_size=2), max_leaves=4
)


def events(classes: Mapping[str, type[Event]] = EVENTS) -> st.SearchStrategy[Event]:
    """Any event of the classes."""
    return st.one_of([instances(classes[name]) for name in sorted(classes)])


def capability_of(cls: type[Event]) -> str:
    """The capability that an event class belongs to: its module's name."""
    return cls.__module__.rpartition(".")[2]


@st.composite
def histories(draw: st.DrawFn, classes: Mapping[str, type[Event]] = EVENTS, most: int = 40) -> list[Recorded[Any]]:
    """Up to ``most`` events of the classes, in streams of the objects that they name, by a few actors."""
    history = History()
    for event in draw(st.lists(events(classes), min_size=min(10, most), max_size=most)):
        named = next((v for n, v in event if n.endswith("_id") and isinstance(v, str)), "")
        kind = draw(st.sampled_from(("", "", "rows", "step")))
        stream = Stream(draw(st.sampled_from(SPACES)), capability_of(type(event)), named or "1", kind)
        history.happened(stream, event, actor=draw(st.sampled_from(IDS)))
    return history.recorded


def instances(model: type[BaseModel], typed: bool = False) -> st.SearchStrategy[Any]:
    """Instances of a pydantic model, by its fields; ``typed``: its texts are what users typed."""

    def built() -> st.SearchStrategy[Any]:
        return st.builds(model, **{n: field(f, n, typed) for n, f in model.model_fields.items()})

    return st.deferred(built)


def field(info: FieldInfo, name: str, typed: bool) -> st.SearchStrategy[Any]:
    """Values of a model's field; a sealed one is erased now and then."""
    if Erased not in get_args(info.annotation):
        return values(info.annotation, name, typed)
    kept = [values(arg, name, True) for arg in get_args(info.annotation) if arg is not Erased]
    return st.one_of(kept * 7 + [st.just(Erased())])


def values(annotation: Any, name: str, typed: bool) -> st.SearchStrategy[Any]:
    """Values of a type; the field's name tells what a text or a number stands for."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(args[0], name, typed)
    if origin in (Union, types.UnionType):
        return st.one_of([values(arg, name, typed) for arg in args])
    if origin in (tuple, list):
        items = st.lists(values(args[0], name, typed), max_size=3)
        return items.map(tuple) if origin is tuple else items
    if origin in (dict, Mapping):
        return st.dictionaries(texts, values(args[1], name, typed), max_size=2)
    if origin is Literal:
        return st.sampled_from(args)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return instances(annotation, typed)
    if annotation is str:
        return words(name, typed)
    return {
        int: st.integers(0, 2**53 if name.endswith("_at") else 1000),
        float: st.floats(-1e6, 1e6, allow_nan=False),
        bool: st.booleans(),
        type(None): st.none(),
        Any: documents,
        object: documents,
    }[annotation]


def words(name: str, typed: bool) -> st.SearchStrategy[str]:
    """Texts for a field of this name: what is not sealed is an id, a digest, a version or a word of our own."""
    if name in ("id", "owner", "committed_by") or name.endswith(("_id", "_ids")):
        return st.sampled_from(IDS)
    if name.endswith("reservation") or name in ("digest", "hash", "content_hash"):
        return st.sampled_from(DIGESTS)
    if name.endswith("version"):
        return st.sampled_from(VERSIONS)
    return texts if typed else st.sampled_from(("", "a", "B", "team", "L1"))
