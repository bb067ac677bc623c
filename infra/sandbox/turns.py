"""What happens inside the walls: one turn given to one script. Used by `child.py` alone; standard library only.

Nothing here is a wall: a script shares the interpreter with this file and may forge its own answer, which is why a
worker serves one evaluator version of one space. Each turn gets a namespace of its own, so that what a script keeps
in its globals does not depend on which turns came before.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

EXECUTION, PARSE, SYNTAX, NO_FUNCTION = 601205032, 601205034, 601205047, 601205053
"""The contract's codes (behaviour.md §6.7)."""
FUNCTION = "exec_evaluation"
SOURCE = "<evaluator>"
REASON_BYTES, STDOUT_BYTES, ERROR_BYTES = 24 * 1024, 16 * 1024, 6 * 1024
"""As JSON text. Twenty turns of them stay under the line's 1 MiB."""
WITHHELD = ("open", "input", "breakpoint", "help", "exit", "quit", "copyright", "credits", "license")
FRAMES = 4


class EvalOutput:
    """What a script returns: a finite score, and why."""

    def __init__(self, score: Any = None, reason: Any = "") -> None:
        self.score = score
        self.reason = reason

    def __repr__(self) -> str:
        return f"EvalOutput(score={self.score!r}, reason={self.reason!r})"


class Captured(io.TextIOBase):
    """What a turn prints, up to a bound; closing it changes nothing.

    One object for all turns: what keeps it, as loggers do, goes on writing to the turn at hand.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """A new turn begins."""
        self._parts: list[str] = []
        self._room = STDOUT_BYTES

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Keeps what there is room for."""
        if self._room > 0:
            self._parts.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def close(self) -> None:
        """Changes nothing."""

    def text(self) -> str:
        """What was kept."""
        return "".join(self._parts)


out, err = Captured(), Captured()
clock = time.perf_counter


class ResultUnusable(Exception):
    """What the script returned is no score with a reason."""


def guarded_import(modules: frozenset[str]) -> Callable[..., Any]:
    """An ``__import__`` that knows these modules, and their parents, only."""
    known = modules | {name[:at] for name in modules for at in range(len(name)) if name[at] == "."}
    load = builtins.__import__

    def importing(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level or name not in known:
            raise ModuleNotFoundError(f"No module named {name!r} in a code evaluator", name=name)
        return load(name, None, None, fromlist, 0)

    return importing


def namespace_of(modules: frozenset[str]) -> dict[str, Any]:
    """The names that a script starts with."""
    visible = {k: v for k, v in vars(builtins).items() if k not in WITHHELD}
    visible["__import__"] = guarded_import(modules)
    return {"__name__": "evaluator", "__builtins__": visible, "EvalOutput": EvalOutput}


def compiled(source: str) -> tuple[CodeType | None, str]:
    """The script as code, or what is wrong with it."""
    try:
        return compile(source, SOURCE, "exec", dont_inherit=True), ""
    except SyntaxError as error:
        return None, f"{error.msg} (line {error.lineno})"
    except (RecursionError, MemoryError):
        return None, "the code is nested too deeply"
    except (ValueError, OverflowError) as error:
        return None, f"{type(error).__name__}: {error}"


def run_turn(code: CodeType, fresh: Mapping[str, Any], turn: Any) -> dict[str, Any]:
    """The script's answer for one turn as JSON fields; every failure is an answer. ``dirty`` asks for a new worker."""
    out.clear()
    err.clear()
    sys.stdout, sys.stderr, sys.stdin = out, err, io.StringIO()
    started = clock()
    answer: dict[str, Any]
    try:
        space = {**fresh, "__builtins__": dict(fresh["__builtins__"])}
        exec(code, space)  # noqa: S102 - this is the sandbox
        function = space.get(FUNCTION)
        if not callable(function):
            answer = {"code": NO_FUNCTION, "error": f"{FUNCTION} is not defined"}
        else:
            score, reason = result_of(function(turn))
            answer = {"score": score, "reason": fit(reason, REASON_BYTES)}
    except ResultUnusable as error:
        answer = {"code": PARSE, "error": fit(str(error), ERROR_BYTES)}
    except MemoryError:
        answer = {"code": EXECUTION, "error": "MemoryError: the script used more than it may", "dirty": True}
    except BaseException as error:
        answer = {"code": EXECUTION, "error": described(error)}
    answer["ms"] = int((clock() - started) * 1000)
    warning = f"[warning] {err.text()}" if err.text() and "score" in answer else ""
    if err.text() and "score" not in answer:
        answer["error"] = fit(f"{answer['error']}\n{err.text()}", ERROR_BYTES)
    answer["stdout"] = fit("\n".join(filter(None, (out.text(), warning))), STDOUT_BYTES)
    return answer


def result_of(value: Any) -> tuple[float, str]:
    """Score and reason of what was returned: an EvalOutput, a dict, or either as JSON or Python text."""
    if isinstance(value, str):
        value = parsed(value)
    if isinstance(value, dict):
        given = value
    elif hasattr(value, "score"):
        given = {"score": value.score, "reason": getattr(value, "reason", "")}
    else:
        raise ResultUnusable(f"{FUNCTION} returned {type(value).__name__}, not EvalOutput(score, reason)")
    score, reason = given.get("score"), given.get("reason")
    if isinstance(score, bool | str | None):
        raise ResultUnusable(f"score must be a number, not {type(score).__name__}")
    try:
        number = float(score)
    except Exception as error:
        raise ResultUnusable(f"score must be a number: {type(error).__name__}") from error
    if not math.isfinite(number):
        raise ResultUnusable("score must be finite")
    return number, "" if reason is None else str(reason)


def parsed(text: str) -> Any:
    """A returned text as the object that it describes."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except Exception:  # noqa: S112 - the next form is tried
            continue
    raise ResultUnusable(f"{FUNCTION} returned a text that is no JSON object")


def described(error: BaseException) -> str:
    """The error, and where in the script it arose."""
    try:
        said = str(error)
    except BaseException:
        said = "(an error that cannot be printed)"
    where = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == SOURCE:
            where.append(f"line {line}, in {frame.f_code.co_name}")
    shown = [f"  {place}" for place in where[-FRAMES:]]
    return fit("\n".join([f"{type(error).__name__}: {said}" if said else type(error).__name__, *shown]), ERROR_BYTES)


def fit(text: str, most: int) -> str:
    """The text without what cannot be stored (NUL, lone surrogates), its JSON no longer than ``most`` bytes."""
    text = text[:most]
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    if len(text) * 6 <= most:
        return text
    size = len(json.dumps(text, ensure_ascii=False).encode())
    while size > most:
        text = text[: max(len(text) * most // size - 8, 0)]
        size = len(json.dumps(text, ensure_ascii=False).encode())
    return text
