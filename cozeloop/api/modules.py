"""The contract's modules and how its error codes are built: 60, two digits of module, a class (behaviour.md §1.3)."""

from __future__ import annotations

from enum import IntEnum

NO_PERMISSION = 101
BAD_REQUEST = 201
INVALID_PARAM = 202
BUSINESS_INVALID = 203
DUPLICATED = 204
RATE_LIMITED = 205
TIMEOUT = 701
INTERNAL = 702
UNAVAILABLE = 703


class Module(IntEnum):
    """A module of the contract; the number is the prefix of its codes."""

    FOUNDATION = 6020
    PROMPT = 6005
    DATA = 6011
    EVALUATION = 6012
    LLM = 6015
    OBSERVABILITY = 6009

    def code(self, class_: int) -> int:
        """The module's code of a common class: ``Module.PROMPT.code(NO_PERMISSION)`` is 600500101."""
        return self * 100_000 + class_


UNREADABLE = Module.FOUNDATION.code(BAD_REQUEST)
"""A request that cannot be read, whichever module it is for (behaviour.md §1.2)."""
RULE_BROKEN = Module.FOUNDATION.code(INVALID_PARAM)
"""A request that breaks a validation rule of the contract, whichever module it is for (behaviour.md §1.2)."""
UNREGISTERED = Module.FOUNDATION.code(INTERNAL)
"""An error without a code of its own, and a missing or dead session (behaviour.md §1.2)."""

_PREFIXES = (
    ("/api/foundation/", Module.FOUNDATION),
    ("/api/auth/", Module.FOUNDATION),
    ("/api/prompt/", Module.PROMPT),
    ("/v1/loop/prompts", Module.PROMPT),
    ("/api/data/", Module.DATA),
    ("/api/evaluation/", Module.EVALUATION),
    ("/v1/loop/eval", Module.EVALUATION),
    ("/api/llm/", Module.LLM),
    ("/api/observability/", Module.OBSERVABILITY),
    ("/v1/loop/", Module.OBSERVABILITY),
)


def module_of(path: str) -> Module:
    """The module that a path belongs to; whatever belongs to none is the foundation's."""
    return next((module for prefix, module in _PREFIXES if path.startswith(prefix)), Module.FOUNDATION)
