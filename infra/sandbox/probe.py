"""A code evaluator that tries to get out, by raw system calls. Run at start in a worker that may import ctypes.

The score is the number of calls that were carried out, whatever came of them: behind the walls each is EPERM. None
of them does any harm where it is carried out.
"""

import ctypes
import json
import os

OPENAT, SOCKET, CLONE, EXECVE, KILL, PTRACE, MEMFD, IO_URING, PRCTL, FCNTL, UNSHARE, MMAP, FSTAT, EXIT = range(14)
NUMBERS = {
    "x86_64": (257, 41, 56, 59, 62, 101, 319, 425, 157, 72, 272, 9, 5, 231),
    "aarch64": (56, 198, 220, 221, 129, 117, 279, 425, 167, 25, 97, 222, 80, 94),
}
EPERM = 1
HERE = -100
WRITE_NEW = 0o101
NEW_USER_NAMESPACE = 0x10000000
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def exec_evaluation(turn):
    """Names in the reason what was carried out. The turn: ``machine``, ``parent`` and a ``file`` that exists."""
    numbers, parent = NUMBERS[turn["machine"]], turn["parent"]

    def call(which, *arguments):
        result = libc.syscall(numbers[which], *(a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments))
        if result == 0 and which == CLONE:
            libc.syscall(numbers[EXIT], 0)
        return result, ctypes.get_errno()

    tried = {
        "open a file": call(OPENAT, HERE, turn["file"].encode(), 0),
        "open /": call(OPENAT, HERE, b"/", 0),
        "create a file": call(OPENAT, HERE, b"/nonexistent/file", WRITE_NEW, 0o600),
        "open the parent": call(OPENAT, HERE, b"/proc/%d/environ" % parent, 0),
        "socket tcp": call(SOCKET, 2, 1, 0),
        "socket unix": call(SOCKET, 1, 1, 0),
        "socket netlink": call(SOCKET, 16, 3, 0),
        "clone": call(CLONE, 17, 0, 0, 0, 0),
        "execve": call(EXECVE, b"/nonexistent/file", 0, 0),
        "kill": call(KILL, parent, 0),
        "ptrace": call(PTRACE, 2, parent, 0, 0),
        "memfd": call(MEMFD, b"probe", 0),
        "io_uring": call(IO_URING, 1, 0),
        "prctl": call(PRCTL, 3, 0, 0, 0, 0),
        "fcntl": call(FCNTL, 0, 3, 0),
        "unshare": call(UNSHARE, NEW_USER_NAMESPACE),
        "executable memory": call(MMAP, 0, 4096, 7, 0x22, -1, 0),
    }
    escaped = [name for name, (result, error) in tried.items() if result != -1 or error != EPERM]
    state = ctypes.create_string_buffer(512)
    escaped += [f"descriptor {fd}" for fd in range(3, 256) if libc.syscall(numbers[FSTAT], fd, state) != -1]
    if os.environ:
        escaped.append("environment")
    return EvalOutput(len(escaped), json.dumps(escaped))  # noqa: F821 - the sandbox provides it
