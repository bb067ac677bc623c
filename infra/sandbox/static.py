"""What the text of a script gives away (behaviour.md §6.2). Early advice to its author, never a wall.

The text is cut into tokens and not parsed: tokens cost linear time whatever they are, and a word inside a string or
a comment is none.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Sequence
from typing import Final

from infra.sandbox.port import CALL_REFUSED, IMPORT_REFUSED, NO_FUNCTION, PATTERN_REFUSED

CALLS: Final = frozenset({"exec", "eval", "__import__", "open", "input", "compile", "globals", "locals"})
IMPORTS: Final = frozenset({"os", "sys", "subprocess", "socket", "urllib", "requests", "builtins"})
ENDS: Final = frozenset({"exit", "quit"})
FUNCTION: Final = "exec_evaluation"
SILENT: Final = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING})
Refused = tuple[int, str]


def static_refusal(code: str) -> Refused | None:
    """The contract's code and a message that names the line; None when nothing stands out.

    Text that cannot be cut into tokens is left to the syntax check.
    """
    lines = statements(code)
    if lines is None:
        return None
    for check in (forbidden_call, forbidden_import, forbidden_pattern):
        for line in lines:
            if refused := check(line):
                return refused
    if not any(defines(line) for line in lines):
        return NO_FUNCTION, f"required function not found: {FUNCTION}"
    return None


Line = Sequence[tokenize.TokenInfo]


def statements(code: str) -> list[Line] | None:
    """The script's tokens, cut where a statement may start; None when it has none."""
    found: list[list[tokenize.TokenInfo]] = [[]]
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in SILENT:
                continue
            depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
            if token.type == tokenize.NEWLINE or (depth == 0 and token.string in (";", ":")):
                found.append([])
            else:
                found[-1].append(token)
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return None
    return [line for line in found if line]


def forbidden_call(line: Line) -> Refused | None:
    """A call of a built-in that reaches out or runs text; a method or definition of that name is none."""
    for before, token, after in windows(line):
        if token.type == tokenize.NAME and token.string in CALLS and after == "(" and before not in (".", "def"):
            return CALL_REFUSED, f"dangerous function detected: {token.string} in line {token.start[0]}"
    return None


def forbidden_import(line: Line) -> Refused | None:
    """An import of a module that reaches out."""
    first = line[0].string
    if first == "from" and len(line) > 1:
        named = [line[1]]
    elif first == "import":
        named = [token for before, token, _ in windows(line) if before in ("import", ",")]
    else:
        return None
    for token in named:
        if token.string in IMPORTS:
            return IMPORT_REFUSED, f"dangerous import detected: {token.string} in line {token.start[0]}"
    return None


def forbidden_pattern(line: Line) -> Refused | None:
    """A loop without an end, or the end of the interpreter."""
    words = [token.string for token in line]
    if words in (["while", "True"], ["while", "(", "True", ")"]):
        return PATTERN_REFUSED, f"malicious code pattern detected: while True in line {line[0].start[0]}"
    for before, token, after in windows(line):
        if token.string in ENDS and after == "(" and before != "def":
            return PATTERN_REFUSED, f"malicious code pattern detected: {token.string}( in line {token.start[0]}"
    return None


def defines(line: Line) -> bool:
    """Whether the statement gives the function its name."""
    words = [token.string for token in line[:2]]
    return words in (["def", FUNCTION], [FUNCTION, "="])


def windows(line: Line) -> list[tuple[str, tokenize.TokenInfo, str]]:
    """Each token between the texts of its neighbours."""
    texts = ["", *(token.string for token in line), ""]
    return [(texts[at], token, texts[at + 2]) for at, token in enumerate(line)]
