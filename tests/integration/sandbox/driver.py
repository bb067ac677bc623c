"""Runs the escapes as another user: ``driver MODE CHILD PYTHON``, one JSON object out: name -> result.

CHILD and PYTHON are what everyone may read: checkout and interpreter may lie where nobody else can look.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - now: nobody may not be able to read the interpreter's library
import ctypes
import json
import os
import sys
from pathlib import Path

from infra.sandbox.modules import ALLOWED_MODULES
from infra.sandbox.runner import SandboxCodeRunner, command_of
from infra.sandbox.selftest import probed
from tests.integration.sandbox.escapes import MODULES, cases, script

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
SAMPLED = 5
libc = ctypes.CDLL(None, use_errno=True)


def become_nobody() -> None:
    """As root: drops to an unprivileged user. Else this is one already."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        libc.prctl(4, 1, 0, 0, 0)  # dumpable again, as a process started by this user would be


def forbid_user_namespaces() -> None:
    """Enters a user namespace of its own in which the kernel's limit of further ones is 0, as an admin sets it."""
    uid, gid = os.geteuid(), os.getegid()
    me = os.getpid()
    asked, ask = os.pipe()
    told, tell = os.pipe()
    mapper = os.fork()
    if mapper == 0:  # outside, where root may map every user into the namespace
        os.read(asked, 1)
        whole = uid == 0
        if not whole:
            Path(f"/proc/{me}/setgroups").write_text("deny")
        Path(f"/proc/{me}/uid_map").write_text("0 0 65536" if whole else f"{uid} {uid} 1")
        Path(f"/proc/{me}/gid_map").write_text("0 0 65536" if whole else f"{gid} {gid} 1")
        os.write(tell, b"x")
        os._exit(0)
    if libc.unshare(CLONE_NEWUSER) == 0:
        os.write(ask, b"x")
        os.close(tell)
        os.read(told, 1)
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    else:  # this system forbids them already
        os.write(ask, b"x")
    os.waitpid(mapper, 0)
    for fd in (asked, ask, told):
        os.close(fd)
    become_nobody()
    if libc.unshare(CLONE_NEWUSER) == 0:
        raise SystemExit("user namespaces are still allowed")


async def escapes(child: Path, python: str, unsafe: bool, every: int = 1) -> dict[str, dict[str, object]]:
    """The first escape of so many; without walls each in a worker of its own: it may change what the next one finds."""
    modules = (*ALLOWED_MODULES, *MODULES)
    runner = SandboxCodeRunner(modules=modules, python=python, child=child, idle=1)
    said = await runner.self_test()
    if unsafe:
        said = await probed(command_of("plain", modules, python, child))
        runner._isolated = runner._plain  # the control: the same scripts without walls
    found: dict[str, dict[str, object]] = {"self-test": {"said": said}}

    code = script()
    for name, case in list(cases().items())[::every]:
        turn = {"parent": os.getpid(), "case": case}
        (result,) = await runner.evaluate("1", name if unsafe else "all", code, [turn], timeout=30)
        found[name] = {"score": result.score, "said": result.reason or result.error}
    await runner.close()
    return found


def main(mode: str, child: str, python: str) -> None:
    """MODE is root, unprivileged, no-user-namespaces, or unconfined: unprivileged and without walls.

    unconfined-sample is a fifth of it, for a worker of its own takes long to start.
    """
    if mode == "no-user-namespaces":
        forbid_user_namespaces()
    elif mode != "root":
        become_nobody()
    every = SAMPLED if mode == "unconfined-sample" else 1
    json.dump(asyncio.run(escapes(Path(child), python, mode.startswith("unconfined"), every)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
