"""Takes from the running process everything but its memory and its two pipes. Used by `child.py` alone.

The allow-list is the wall: no call that opens, connects, starts or signals anything is in it, so it holds without
Landlock, without namespaces and for any user (docs/adr/0010). Landlock, rlimits and the uid are second nets.
Needs nothing but the standard library: the child runs without site-packages.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from typing import Final

NOBODY: Final = 65534
MEMORY: Final = 256 * 1024 * 1024
"""Address space in bytes: what a script may use, with the interpreter's own."""
STACK: Final = 8 * 1024 * 1024


def range_of(text: str) -> tuple[int, ...]:
    """The numbers of a list such as ``0 3-5``."""
    ends = [part.split("-") for part in text.split()]
    return tuple(n for end in ends for n in range(int(end[0]), int(end[-1]) + 1))


SYSCALLS: Final = {
    # read write close fstat lseek mmap mprotect munmap brk, signals (own handlers), sched_yield mremap madvise,
    # clocks and sleeping, getpid gettid getrusage times, futex, restart_syscall, getrandom, exit
    "x86_64": (
        0xC000003E,
        range_of("0 1 3 5 8 9-15 24 25 28 35 39 60 96 98 100 131 186 201 202 219 228-231 318"),
        (9, 10),
    ),
    "aarch64": (
        0xC00000B7,
        range_of(
            "57 62-64 80 93 94 98 101 113-115 124 128 132 134 135 139 153 165 169 172 178 214-216 222 226 233 278"
        ),
        (222, 226),
    ),
}
"""Machine -> its audit number, the system calls allowed, and which of them map memory (mmap, mprotect)."""

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
KILL, REFUSE, ALLOW = 0x80000000, 0x00050000 | errno.EPERM, 0x7FFF0000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NR, ARCH, THIRD_ARGUMENT = 0, 4, 32
"""Offsets in the kernel's `seccomp_data`; arguments are 64 bits, low half first."""
PROT_EXEC = 4
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446


class NoIsolation(Exception):
    """The system refused one of the walls; the process must end."""


def lock_down(parent: int) -> None:
    """All walls, in the order in which each is still possible. Raises NoIsolation."""
    machine = platform_of()
    libc = ctypes.CDLL(None, use_errno=True)
    limit()
    if os.geteuid() == 0:
        drop_root()
    prctl(libc, PR_SET_NO_NEW_PRIVS, 1)
    prctl(libc, PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which clears it
    if os.getppid() != parent:
        raise NoIsolation("the parent is gone")
    landlock(libc)
    seccomp(libc, machine)


def platform_of() -> str:
    """The machine's name when there is an allow-list for it."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in SYSCALLS:
        raise NoIsolation(f"no isolation on {sys.platform} {machine}")
    return machine


def limit() -> None:
    """Memory, and nothing written, started or dumped. No processor limit: it would add up over calls."""
    for which, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_STACK, STACK),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))


def drop_root() -> None:
    """Nobody from here on, in no group."""
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as error:
        raise NoIsolation(f"root cannot become user {NOBODY}: {error}") from error


def prctl(libc: ctypes.CDLL, option: int, value: int, pointer: object = None) -> None:
    """One prctl; raises NoIsolation when it fails."""
    if libc.prctl(option, ctypes.c_ulong(value), pointer, None, None) != 0:
        raise NoIsolation(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def landlock(libc: ctypes.CDLL) -> None:
    """A ruleset without any rule, for all that this kernel's Landlock knows; nothing on a kernel without it."""
    version = libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    handled = struct.pack("=QQQ", files, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = libc.syscall(LANDLOCK_CREATE, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0 or libc.syscall(LANDLOCK_RESTRICT, rules, 0) != 0:
        raise NoIsolation(f"landlock {version}: {os.strerror(ctypes.get_errno())}")
    os.close(rules)


def seccomp(libc: ctypes.CDLL, machine: str) -> None:
    """From here on any system call outside the list is refused with EPERM; one of another machine kills."""
    program = program_for(machine)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    prctl(libc, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header))


def program_for(machine: str) -> bytes:
    """The filter as classic BPF. Memory may be mapped, but never so that it can be executed."""
    audit, allowed, mapping = SYSCALLS[machine]
    lines = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NR),
    ]
    rest = [n for n in allowed if n not in mapping]
    to_mapping = len(rest) + 1  # instructions between the first mapping test and its branch
    for at, number in enumerate(mapping):
        lines.append((EQUAL, to_mapping + len(mapping) - 1 - at, 0, number))
    for at, number in enumerate(rest):
        lines.append((EQUAL, len(rest) - at + 3, 0, number))
    lines += [
        (RETURN, 0, 0, REFUSE),
        (LOAD, 0, 0, THIRD_ARGUMENT),
        (ANY_BIT, 0, 1, PROT_EXEC),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
