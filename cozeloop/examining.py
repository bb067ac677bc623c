"""What `cozeloop doctor` asks: each dependency whether it is there, how it is, and if not, why.

A check never raises and never takes longer than its time: what it raises is what is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

OK, WARNING, FAILED, OFF = "ok", "warning", "failed", "off"
SECONDS = 10.0
"""Longest time that one check may take."""


@dataclass(frozen=True)
class Finding:
    """One line. ``state``: ok, warning (it works, look at it), failed, off (not configured)."""

    what: str
    state: str
    said: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[], Awaitable[list[Finding]]]


class Examination:
    """Every check by name, in their order; ``checks`` is asked each time, for parts are opened one by one."""

    def __init__(self, checks: Callable[[], Mapping[str, Check]]) -> None:
        self._checks = checks

    async def run(self) -> AsyncIterator[Mapping[str, Any]]:
        """Findings as they come, then ``final`` with how many failed."""
        failed = 0
        for name, check in self._checks().items():
            for finding in await made(name, check):
                failed += finding.state == FAILED
                yield asdict(finding)
        yield {"final": True, "failed": failed}


async def made(name: str, check: Check) -> list[Finding]:
    """What a check finds."""
    try:
        async with asyncio.timeout(SECONDS):
            return await check()
    except TimeoutError:
        return [Finding(name, FAILED, f"no answer within {SECONDS:g} s")]
    except Exception as error:
        return [Finding(name, FAILED, f"{error}" or type(error).__name__)]
