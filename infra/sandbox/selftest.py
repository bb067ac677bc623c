"""Whether the walls stand on this very system: a worker tries them from inside, /proc is read from outside."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.sandbox import protocol
from infra.sandbox.worker import TRIES, CannotStart, TookTooLong, Worker, WorkerGone

PROBE: Final = Path(__file__).with_name("probe.py")
PROBE_SECONDS: Final = 20.0
NONCE: Final = "probe"
STATUS: Final = {"Seccomp": {"2"}, "NoNewPrivs": {"1"}, "CapEff": {"0" * 16}, "CapPrm": {"0" * 16}, "Threads": {"1"}}
"""Lines of /proc/PID/status and what they must hold."""


async def probed(command: Sequence[str], tries: int = TRIES) -> str:
    """Empty when a worker so started can reach nothing, else what it can. The command must allow ctypes and os.

    A probe that somebody ended from outside says nothing about the walls: another one is sent.
    """
    try:
        worker = await Worker.start(command)
    except CannotStart as error:
        return str(error)
    try:
        return seen_from_outside(worker.pid) or await seen_from_inside(worker)
    except (WorkerGone, ProcessLookupError, FileNotFoundError) as error:
        gone = f"the probe did not answer: {error}"
        return gone if tries <= 1 else await probed(command, tries - 1)
    except (TookTooLong, protocol.Garbage) as error:
        return f"the probe did not answer: {error}"
    except OSError as error:
        return f"the worker cannot be looked at: {error}"
    finally:
        worker.end()


async def seen_from_inside(worker: Worker) -> str:
    """What `probe.py` could do."""
    turn = {"machine": platform.machine(), "parent": os.getpid(), "file": str(PROBE)}
    code = PROBE.read_text()
    line = await worker.ask(protocol.evaluation(NONCE, [protocol.encoded(turn)], code), PROBE_SECONDS)
    (found,), _ = protocol.results(protocol.answer(line, NONCE), 1)
    if found.error:
        return f"the probe failed: {found.error}"
    return f"a worker was not refused: {found.reason}" if found.score else ""


def seen_from_outside(pid: int) -> str:
    """What /proc says about the worker that should not be so."""
    root = Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (root / "status").read_text().splitlines() if ":" in line)
    wrong = [f"{name} {status.get(name, '').strip()}" for name, good in STATUS.items() if not holds(status, name, good)]
    if "0" in status.get("Uid", "0").split():
        wrong.append("it is root")
    try:
        descriptors = {int(fd.name) for fd in (root / "fd").iterdir()}
        if descriptors != {0, 1, 2}:
            wrong.append(f"descriptors {sorted(descriptors)}")
        if (root / "environ").read_bytes().strip(b"\0"):
            wrong.append("it has an environment")
    except PermissionError:
        pass  # root without CAP_SYS_PTRACE, as in containers, may not look; the probe does from inside
    return f"a worker is not confined: {', '.join(wrong)}" if wrong else ""


def holds(status: dict[str, str], name: str, good: set[str]) -> bool:
    """Whether the line holds one of the good values."""
    return status.get(name, "").strip() in good
