"""What the doctor makes of checks that answer, fail, or never end."""

from __future__ import annotations

import asyncio
from typing import Any

from cozeloop import examining
from cozeloop.examining import FAILED, OFF, OK, WARNING, Check, Examination, Finding


async def lines(checks: dict[str, Check]) -> list[Any]:
    return [line async for line in Examination(lambda: checks).run()]


async def test_each_finding_is_a_line_and_only_what_failed_counts() -> None:
    async def several() -> list[Finding]:
        return [Finding("a", OK), Finding("b", WARNING, "look"), Finding("c", OFF), Finding("d", FAILED, "gone")]

    *found, last = await lines({"several": several})
    assert [(f["what"], f["state"], f["said"]) for f in found][1] == ("b", "warning", "look")
    assert last == {"final": True, "failed": 1}


async def test_a_check_that_raises_says_why_and_the_others_go_on() -> None:
    async def broken() -> list[Finding]:
        raise ConnectionError("nobody listens there")

    async def good() -> list[Finding]:
        return [Finding("good", OK)]

    first, second, last = await lines({"broken": broken, "good": good})
    assert (first["what"], first["state"], first["said"]) == ("broken", "failed", "nobody listens there")
    assert second["state"] == "ok" and last["failed"] == 1


async def test_a_check_that_never_ends_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(examining, "SECONDS", 0.01)

    async def endless() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    [found, _] = await lines({"endless": endless})
    assert found["state"] == "failed" and "no answer" in found["said"]
