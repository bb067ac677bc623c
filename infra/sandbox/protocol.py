"""The lines between the platform and a worker. What a worker answers is hostile until it has passed here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from infra.sandbox.port import CodeResult

TURNS_PER_CALL: Final = 20
CALL_BYTES: Final = 4 * 1024 * 1024
"""Turns of one request together; a single larger one goes alone."""
TURN_BYTES: Final = 8 * 1024 * 1024
ANSWER_BYTES: Final = 1024 * 1024
"""The longest line a worker may answer."""


class Garbage(Exception):
    """The answer is not what was asked for."""


class TurnUnusable(Exception):
    """The turn cannot be sent."""


def encoded(turn: Mapping[str, Any]) -> bytes:
    """A turn as JSON. Raises TurnUnusable."""
    try:
        data = orjson.dumps(turn, default=dict)
    except TypeError:  # 128-bit numbers, lone surrogates: the slower encoder has them
        try:
            data = json.dumps(turn, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise TurnUnusable(f"turn is no JSON: {error}") from error
    if len(data) > TURN_BYTES:
        raise TurnUnusable(f"turn is larger than {TURN_BYTES} bytes")
    return data


def calls(turns: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The turns in order, as many to a call as its bounds allow."""
    start = size = 0
    for at, turn in enumerate(turns):
        if at > start and (at - start == TURNS_PER_CALL or size + len(turn) > CALL_BYTES):
            yield turns[start:at]
            start, size = at, 0
        size += len(turn)
    if start < len(turns):
        yield turns[start:]


def evaluation(nonce: str, turns: Sequence[bytes], code: str | None) -> bytes:
    """A request for these turns; ``code`` when the worker does not have it yet."""
    script = b"" if code is None else b'"code":' + text(code) + b","
    return b'{"nonce":"%s",%s"turns":[%s]}\n' % (nonce.encode(), script, b",".join(turns))


def compilation(nonce: str, code: str) -> bytes:
    """A request to compile and not to run."""
    return b'{"nonce":"%s","compile":%s}\n' % (nonce.encode(), text(code))


def text(value: str) -> bytes:
    """Any text as JSON, lone surrogates as well."""
    return json.dumps(value).encode()


def answer(line: bytes, nonce: str) -> dict[str, Any]:
    """The answer to the request with this nonce. Raises Garbage."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Garbage("it answered what is no JSON") from error
    if not isinstance(found, dict) or found.get("nonce") != nonce:
        raise Garbage("it answered something that was not asked")
    return found


def results(found: Mapping[str, Any], expected: int) -> tuple[list[CodeResult], bool]:
    """The turns' results, and whether the worker asks to be replaced; then some may be missing. Raises Garbage."""
    given = found.get("results")
    if not isinstance(given, list) or not given or len(given) > expected:
        raise Garbage("it answered another number of turns")
    read = [result(one) for one in given]
    dirty = given[-1].get("dirty") is True
    if len(given) < expected and not dirty:
        raise Garbage("it answered another number of turns")
    return read, dirty


def result(one: Any) -> CodeResult:
    """One turn's result. Raises Garbage."""
    if not isinstance(one, dict):
        raise Garbage("a result is no object")
    stdout, ms = one.get("stdout", ""), one.get("ms", 0)
    if not isinstance(stdout, str) or not isinstance(ms, int) or not 0 <= ms < 2**31:
        raise Garbage("a result has the wrong fields")
    if "error" in one:
        code, error = one.get("code"), one["error"]
        if not isinstance(code, int) or not isinstance(error, str) or not 601205000 <= code < 601206000:
            raise Garbage("an error has the wrong fields")
        return CodeResult(stdout=stdout, error_code=code, error=error, duration_ms=ms)
    score, reason = one.get("score"), one.get("reason")
    if not isinstance(score, float | int) or isinstance(score, bool) or not isinstance(reason, str):
        raise Garbage("a score has the wrong fields")
    try:
        number = float(score)
    except OverflowError as error:
        raise Garbage("a score is no number") from error
    if not math.isfinite(number):
        raise Garbage("a score is no number")
    return CodeResult(score=number, reason=reason, stdout=stdout, duration_ms=ms)
