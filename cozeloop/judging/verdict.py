"""From what a judge answered to a score with its reason, however untidily it was said. Pure, and bounded in time.

Tried in this order: the whole answer as JSON; as JSON with what models get wrong put right; the last JSON object in it;
the words score and reason with what follows them (behaviour.md §6.2).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OUTPUT_INVALID = 601205015
OUTPUT_EMPTY = 601205024
NO_CALL = 601205025

LONGEST = 64 * 1024
"""Characters of an answer that are read, its last ones: judges think first and answer then."""
STARTS = 500
"""Braces at which an object is looked for."""
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2})?")
_UNTIDY = re.compile("[\0\ud800-\udfff]")
"""What JSON may spell and no database takes."""
_FENCE = re.compile(r"^\s*```[a-zA-Z]{0,10}[ \t]*\n?|```\s*\Z")
_TRAILING_COMMA = re.compile(r",(\s{0,100}[}\]])")
_SAYS = r"""["'*`]{0,3}\s{0,3}(?:[:=：]|\bis\b)\s{0,10}["'*`]{0,3}"""
_SCORE = re.compile(rf"""(?i)\bscore{_SAYS}(-?\d{{1,9}}(?:\.\d{{1,9}})?)(?![\w.]{{0,20}}\s{{0,3}}(?:/|%)|\w)""")
_REASON = re.compile(rf"""(?i)\breason(?:ing)?{_SAYS}""")


@dataclass(frozen=True)
class Verdict:
    """A finite score and a reason that is not empty."""

    score: float
    reason: str


class NoVerdict(Exception):
    """The answer holds no score with a reason; ``code`` is the contract's error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def of_text(text: str) -> Verdict:
    """The verdict that a judge wrote. Raises NoVerdict."""
    if not text.strip():
        raise NoVerdict(OUTPUT_EMPTY, "the judge answered nothing")
    text = text[-LONGEST:]
    for value in (_json(text), _repaired(text)):
        if isinstance(value, dict) and {"score", "reason"} & set(value):
            if verdict := _of_value(value):
                return verdict
            break  # what its texts quote is not the judge's word
    else:
        for way in (_cut_out, _worded):
            if verdict := way(text):
                return verdict
    raise NoVerdict(OUTPUT_INVALID, f"the judge's answer holds no score with a reason: {text[:300]!r}")


def of_call(message: Mapping[str, Any], function: str) -> Verdict:
    """The verdict that a judge called the function with. Raises NoVerdict."""
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    named = [c.get("function") or {} for c in calls]
    called = next((f for f in named if f.get("name") == function), None)
    if called is None:
        said = str(message.get("content") or "")
        if not said.strip() and not calls:
            raise NoVerdict(OUTPUT_EMPTY, "the judge answered nothing")
        raise NoVerdict(NO_CALL, f"the judge did not call {function}: {said[:300]!r}")
    return of_text(str(called.get("arguments") or ""))


def _repaired(text: str) -> Any:
    """Without a code fence, with line breaks in texts, with brackets closed; then without commas before a bracket."""
    bare = _FENCE.sub("", text).strip()
    if not bare.startswith("{"):
        return None
    found = (_json(each + _closing(each)) for each in (bare, _TRAILING_COMMA.sub(r"\1", bare)))
    return next((value for value in found if value is not None), None)


def _cut_out(text: str) -> Verdict | None:
    """The last object with a verdict that is not inside of another one with a verdict."""
    for each in (text, _TRAILING_COMMA.sub(r"\1", text)):
        if verdicts := list(_objects(each)):
            return verdicts[-1]
    return None


def _objects(text: str) -> Iterator[Verdict]:
    decoder = json.JSONDecoder(strict=False, parse_constant=_no_constant)
    at = text.find("{")
    for _ in range(STARTS):
        if at < 0:
            return
        end = at + 1
        try:
            value, behind = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, behind = None, end
        if verdict := _of_value(value):
            yield verdict
            end = behind
        at = text.find("{", end)


def _worded(text: str) -> Verdict | None:
    """A reason before the score ends where the score begins; one after it goes to the end."""
    score, reason = _SCORE.search(text), _REASON.search(text)
    if score is None or reason is None:
        return None
    if score.start() < reason.start():
        return _verdict(score[1], _bare(text[reason.end() :]))
    after = list(_SCORE.finditer(text, reason.end()))
    return _verdict(after[-1][1], _bare(text[reason.end() : after[-1].start()])) if after else None


def _bare(text: str) -> str:
    """Without the quotes, commas and brackets around it."""
    return text.strip().strip("\"'`*,{}() \n\r\t")


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _closing(text: str) -> str:
    """The quote and brackets that an answer cut short leaves open."""
    open_, inside, escaped = [], False, False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "{[":
            open_.append("}" if character == "{" else "]")
        elif character in "}]" and open_:
            open_.pop()
    return ('"' if inside else "") + "".join(reversed(open_))


def _of_value(value: Any) -> Verdict | None:
    return _verdict(value.get("score"), value.get("reason")) if isinstance(value, dict) else None


def _verdict(score: Any, reason: Any) -> Verdict | None:
    if isinstance(score, bool) or not isinstance(score, int | float | str) or not isinstance(reason, str):
        return None
    if isinstance(score, str) and not _NUMBER.fullmatch(score.strip()):
        return None
    try:
        number = float(score)
    except (OverflowError, ValueError):
        return None
    told = _UNTIDY.sub("\N{REPLACEMENT CHARACTER}", reason).strip()
    return Verdict(number, told) if math.isfinite(number) and told else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
