"""The judge's prompt: a template with an item's inputs put in, once. Pure.

A value is never looked at again: ``{{x}}`` inside of it stays as it is, whatever x may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from commands.datasets.messages import DatasetSchemaInvalid
from commands.datasets.text_schema import Budget, compiled
from commands.evaluators.scale import Scale

Content = Mapping[str, Any]
Inputs = Mapping[str, Content]
TAG = re.compile(r"\{\{([^{}]*)\}\}")
ROLES = {1: "system", 2: "user", 3: "assistant", 4: "tool"}
CONTENT_TYPE = 601205000
SCHEMA = 601205004
INPUT_INVALID = 601205029
MEDIA_MISSING = 601205036


LONGEST = 4 * 1024 * 1024
"""Characters of a rendered prompt: a short template may name a long input many thousand times."""


class NotJudgeable(Exception):
    """These inputs cannot be judged; ``code`` is the contract's error code, the text names the input."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Room:
    """How many characters a prompt may still get."""

    def __init__(self, left: int = LONGEST) -> None:
        self._left = left

    def take(self, text: str) -> str:
        """The text. Raises NotJudgeable when it does not fit any more."""
        self._left -= len(text)
        if self._left < 0:
            raise NotJudgeable(INPUT_INVALID, f"the prompt gets longer than {LONGEST} characters with these inputs")
        return text


def checked(schemas: Sequence[Mapping[str, Any]], inputs: Inputs) -> dict[str, Content]:
    """The inputs with the schemas' default values where none is given. Raises NotJudgeable."""
    taken = dict(inputs)
    for schema in schemas:
        key = str(schema.get("key") or "")
        if not taken.get(key) and schema.get("default_value"):
            taken[key] = schema["default_value"]
        given = taken.get(key)
        if not given:
            continue
        kinds = schema.get("support_content_types") or ()
        kind = given.get("content_type") or "Text"
        if kinds and kind not in kinds:
            raise NotJudgeable(CONTENT_TYPE, f"input {key!r} is {kind}, wanted is {' or '.join(map(str, kinds))}")
        if kind == "Text" and schema.get("json_schema"):
            _check_text(key, str(schema["json_schema"]), str(given.get("text") or ""))
    return taken


def render(
    content: Mapping[str, Any], inputs: Inputs, history: Sequence[Mapping[str, Any]], scale: Scale, function: str
) -> list[dict[str, Any]]:
    """The messages for the model, in OpenAI's form: the template's, the first with how to answer at its end.

    ``history`` stands before the first message that is not the system's when the content asks for it. ``function``
    is what the model is to call, empty when it is to write JSON. Raises NotJudgeable.
    """
    room = Room()
    templates = (content.get("prompt_evaluator") or {}).get("message_list") or ()
    made = [_message(m, lambda c: list(_parts(c, inputs, room))) for m in templates]
    if made:
        made[0]["content"] = _joined([*_as_parts(made[0]["content"]), _text(_how_to_answer(scale, function))])
    if content.get("receive_chat_history"):
        first = next((i for i, m in enumerate(made) if m["role"] != "system"), len(made))
        made[first:first] = [_message(m, lambda c: list(_given(c, "history_messages", room))) for m in history]
    return made


def text_of(content: Content | None, name: str) -> str:
    """A content as text, parts joined; empty when there is none. Raises NotJudgeable for what is no text."""
    if not content:
        return ""
    kind = content.get("content_type") or "Text"
    if kind == "Text":
        return str(content.get("text") or "")
    if kind == "MultiPart":
        return "".join(text_of(part, name) for part in content.get("multi_part") or ())
    raise NotJudgeable(CONTENT_TYPE, f"input {name!r} is {kind}, the prompt wants a text")


def substituted(template: str, inputs: Inputs, room: Room | None = None) -> str:
    """The template with every tag replaced by its input's text, by nothing when there is none. Raises NotJudgeable."""
    room = room or Room()

    def value(found: re.Match[str]) -> str:
        name = found[1] if found[1] in inputs else found[1].strip()
        return room.take(text_of(inputs.get(name), name))

    return TAG.sub(value, template)


def _how_to_answer(scale: Scale, function: str) -> str:
    if function:
        return f"\n\nCall the function {function} with your reason and the score, {scale}."
    return (
        '\n\nAnswer with one JSON object and nothing else: {"reason": "<why, in a sentence or two>", '
        f'"score": <{scale}>}}'
    )


def _message(message: Mapping[str, Any], parts: Any) -> dict[str, Any]:
    role = ROLES.get(message.get("role") or 2, "user")
    return {"role": role, "content": _joined(parts(message.get("content") or {}))}


def _parts(content: Content, inputs: Inputs, room: Room) -> Iterator[dict[str, Any]]:
    """A template's content with the inputs put in."""
    kind = content.get("content_type") or "Text"
    if kind == "MultiPart":
        for part in content.get("multi_part") or ():
            yield from _parts(part, inputs, room)
    elif kind == "multi_part_variable":
        name = str(content.get("text") or "").strip().removeprefix("{{").removesuffix("}}").strip()
        yield from _given(inputs.get(name) or {}, name, room)
    elif kind == "Text":
        yield _text(substituted(str(content.get("text") or ""), inputs, room))
    else:
        yield from _given(content, "message_list", room)


def _given(content: Content, name: str, room: Room) -> Iterator[dict[str, Any]]:
    """A content as it is."""
    kind = content.get("content_type") or "Text"
    if kind == "MultiPart":
        for part in content.get("multi_part") or ():
            yield from _given(part, name, room)
    elif kind in ("Image", "Video"):
        url = (content.get(kind.lower()) or {}).get("url")
        if not url:
            raise NotJudgeable(MEDIA_MISSING, f"input {name!r}: {kind.lower()}.url is required")
        yield {"type": f"{kind.lower()}_url", f"{kind.lower()}_url": {"url": room.take(url)}}
    elif kind == "Text":
        yield _text(room.take(str(content.get("text") or "")))
    else:
        raise NotJudgeable(INPUT_INVALID, f"input {name!r}: no model is asked about {kind}")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _as_parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_text(content)] if isinstance(content, str) else content


def _joined(parts: Sequence[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """One text where all parts are texts, else the parts that hold something."""
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return [part for part in parts if part["type"] != "text" or part["text"]]


def _check_text(key: str, schema: str, text: str) -> None:
    try:
        wrong = compiled(schema).wrong(text, Budget())
    except DatasetSchemaInvalid as error:
        wrong = error.detail
    if wrong:
        raise NotJudgeable(SCHEMA, f"input {key!r}: {wrong}")
