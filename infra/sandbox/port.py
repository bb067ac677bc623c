"""The port of the code evaluators: what a call says and what comes back. `cozeloop.platform` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

INPUT_INVALID: Final = 601205029
"""The turn cannot be given to a script: too large, or no JSON."""
EXECUTION_FAILED: Final = 601205032
"""The script raised, ended its worker, or took too long."""
RESULT_INVALID: Final = 601205034
"""The script returned no finite score with a reason."""
PATTERN_REFUSED: Final = 601205035
"""An endless loop or the interpreter's end, by its text."""
NO_RUNTIME: Final = 601205043
"""This system offers no isolation, or no worker could be started."""
SYNTAX_INVALID: Final = 601205047
"""The script is no Python."""
CALL_REFUSED: Final = 601205051
"""A call that code evaluators may not make, by its text."""
IMPORT_REFUSED: Final = 601205052
"""An import that code evaluators may not make, by its text."""
NO_FUNCTION: Final = 601205053
"""The script does not define ``exec_evaluation``."""


@dataclass(frozen=True)
class CodeResult:
    """What a code evaluator said for one turn: a score and reason, or an error with its contract code."""

    score: float | None = None
    reason: str = ""
    stdout: str = ""
    error_code: int = 0
    error: str = ""
    duration_ms: int = 0


class CodeRunner(Protocol):
    """Runs user code in isolation."""

    async def evaluate(
        self,
        space_id: str,
        version_id: str,
        code: str,
        turns: Sequence[Mapping[str, Any]],
        timeout: float = 5.0,
    ) -> list[CodeResult]:
        """``exec_evaluation(turn)`` for each turn, in one worker of this space and version; errors are results.

        ``timeout`` seconds are one turn's; a turn that runs into it costs the others nothing but time.
        """
        ...

    async def check_syntax(self, code: str) -> str:
        """An empty text, or what is wrong."""
        ...

    def check_static(self, code: str) -> tuple[int, str] | None:
        """What the text alone gives away, as code and message: calls, imports, loops, no function (§6.2)."""
        ...
