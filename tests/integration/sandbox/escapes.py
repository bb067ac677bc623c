"""Ways out of the sandbox by raw system call, each harmless where it is carried out.

A case is an expression that is true when something got out. `refused(call(…))` demands EPERM,
the filter's own answer: any other error means that the kernel has carried the call out.
"""

from __future__ import annotations

import platform

MODULES = ("ctypes", "os", "signal", "sys", "posix", "_thread", "socket", "subprocess", "mmap")
"""What an evaluator may never import; these workers may, so that nothing but the walls is tested."""

X86_64 = """open 2 stat 4 ioctl 16 access 21 pipe 22 shmget 29 dup 32 dup2 33 alarm 37 setitimer 38 sendfile 40
 socket 41 connect 42 sendto 44 sendmsg 46 bind 49 listen 50 socketpair 53 clone 56 fork 57 vfork 58 execve 59
 wait4 61 kill 62 uname 63 semget 64 msgget 68 fcntl 72 flock 73 truncate 76 ftruncate 77 getdents64 217 getcwd 79
 chdir 80 rename 82 mkdir 83 rmdir 84 creat 85 link 86 unlink 87 symlink 88 readlink 89 chmod 90 chown 92 umask 95
 sysinfo 99 ptrace 101 getuid 102 syslog 103 setuid 105 setgid 106 getppid 110 setsid 112 setgroups 116 setresuid 117
 capset 126 rt_sigqueueinfo 129 mknod 133 personality 135 statfs 137 setpriority 141 sched_setscheduler 144 mlock 149
 pivot_root 155 prctl 157 arch_prctl 158 setrlimit 160 chroot 161 acct 163 mount 165 umount2 166 sethostname 170
 ioperm 173 tkill 200 sched_setaffinity 203 io_setup 206 timer_create 222 clock_settime 227 tgkill 234 mbind 237
 mq_open 240 add_key 248 request_key 249 keyctl 250 inotify_init1 294 openat 257 mkdirat 258 unlinkat 263 renameat 264
 linkat 265 symlinkat 266 readlinkat 267 fchmodat 268 faccessat 269 unshare 272 splice 275 vmsplice 278 signalfd4 289
 timerfd_create 283 eventfd2 290 epoll_create1 291 dup3 292 pipe2 293 perf_event_open 298 fanotify_init 300
 prlimit64 302 name_to_handle_at 303 open_by_handle_at 304 setns 308 process_vm_readv 310 process_vm_writev 311
 kcmp 312 finit_module 313 renameat2 316 seccomp 317 memfd_create 319 bpf 321 execveat 322 userfaultfd 323
 membarrier 324 copy_file_range 326 statx 332 mmap 9 mprotect 10 getpid 39 exit_group 231"""
AARCH64 = """
 io_setup 0 getcwd 17 eventfd2 19 epoll_create1 20 dup 23 dup3 24 fcntl 25 inotify_init1 26 ioctl 29 flock 32
 mkdirat 34 unlinkat 35 symlinkat 36 linkat 37 renameat 38 umount2 39 mount 40 pivot_root 41 statfs 43 truncate 45
 ftruncate 46 faccessat 48 chdir 49 chroot 51 fchmodat 53 openat 56 pipe2 59 getdents64 61 sendfile 71 signalfd4 74
 vmsplice 75 splice 76 readlinkat 78 timerfd_create 85 acct 89 capset 91 personality 92 unshare 97 setitimer 103
 timer_create 107 clock_settime 112 syslog 116 ptrace 117 sched_setscheduler 119 sched_setaffinity 122 kill 129
 tkill 130 tgkill 131 rt_sigqueueinfo 138 setpriority 140 setgid 144 setuid 146 setresuid 147 setsid 157 setgroups 159
 uname 160 sethostname 161 setrlimit 164 umask 166 prctl 167 getppid 173 getuid 174 sysinfo 179 mq_open 180 msgget 186
 semget 190 shmget 194 socket 198 socketpair 199 bind 200 listen 201 connect 203 sendto 206 sendmsg 211 add_key 217
 request_key 218 keyctl 219 clone 220 execve 221 mmap 222 mprotect 226 mlock 228 mbind 235 perf_event_open 241
 wait4 260 prlimit64 261 fanotify_init 262 name_to_handle_at 264 open_by_handle_at 265 setns 268 process_vm_readv 270
 process_vm_writev 271 kcmp 272 finit_module 273 renameat2 276 seccomp 277 memfd_create 279 bpf 280 execveat 281
 userfaultfd 282 membarrier 283 copy_file_range 285 statx 291 getpid 172 exit_group 94"""
BOTH = """pidfd_send_signal 424 io_uring_setup 425 open_tree 428 move_mount 429 fsopen 430 pidfd_open 434 clone3 435
 close_range 436 openat2 437 pidfd_getfd 438 process_madvise 440 mount_setattr 442 landlock_create_ruleset 444
 memfd_secret 447"""


def numbers() -> dict[str, int]:
    """System call -> number on this machine."""
    words = ({"x86_64": X86_64, "aarch64": AARCH64}[platform.machine()] + " " + BOTH).split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


PRELUDE = """
import ctypes, io, json, os, posix, signal, socket, struct, subprocess, sys, mmap, _thread
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
EPERM, HERE, NOWHERE = 1, -100, b"/nonexistent/file"
space = ctypes.create_string_buffer(8192)
said = []

def argument(a):
    return a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a)

def call(name, *arguments):
    result = libc.syscall(NUMBERS[name] if isinstance(name, str) else name, *map(argument, arguments))
    if result == 0 and name in ("clone", "clone3", "fork", "vfork"):
        libc.syscall(NUMBERS["exit_group"], 0)
    return result, ctypes.get_errno()

def refused(outcome):
    said.append(f"result {outcome[0]}, errno {outcome[1]}")
    return outcome[0] == -1 and outcome[1] == EPERM

def denied(act, *errors):
    try:
        said.append(repr(act()))
    except (PermissionError, *errors) as error:
        said.append(repr(error))
        return True
    return False

def exec_evaluation(turn):
    global parent
    parent = turn["parent"]
    escaped = eval(turn["case"])
    return EvalOutput(1 if escaped else 0, "; ".join(said))
"""

CALLS = {
    # network
    "tcp socket": ("socket", "2, 1, 0"),
    "udp socket": ("socket", "2, 2, 0"),
    "tcp socket of version 6": ("socket", "10, 1, 0"),
    "raw socket": ("socket", "2, 3, 1"),
    "packet socket": ("socket", "17, 3, 768"),
    "unix socket": ("socket", "1, 1, 0"),
    "unix datagram socket": ("socket", "1, 2, 0"),
    "netlink socket": ("socket", "16, 3, 0"),
    "vsock socket": ("socket", "40, 1, 0"),
    "alg socket": ("socket", "38, 5, 0"),
    "socket pair": ("socketpair", "1, 1, 0, space"),
    "connect on the answer's pipe": ("connect", "1, space, 16"),
    "bind on the answer's pipe": ("bind", "1, space, 16"),
    "listen on the answer's pipe": ("listen", "1, 1"),
    "sendto": ("sendto", "1, b'x', 1, 0, 0, 0"),
    "sendmsg with descriptors": ("sendmsg", "1, space, 0"),
    # files
    "open": ("open", "b'/etc/passwd', 0"),
    "openat": ("openat", "HERE, b'/etc/passwd', 0"),
    "openat with O_PATH": ("openat", "HERE, b'/', 0o10000000"),
    "openat2": ("openat2", "HERE, b'/etc/passwd', bytes(24), 24"),
    "creat": ("creat", "NOWHERE, 0o600"),
    "open an unnamed file in tmp": ("openat", "HERE, b'/tmp', 0o20200001, 0o600"),
    "open own memory": ("openat", "HERE, b'/proc/self/mem', 2"),
    "open a descriptor anew": ("openat", "HERE, b'/proc/self/fd/0', 0"),
    "open the parent's memory": ("openat", "HERE, b'/proc/%d/mem' % parent, 0"),
    "open the parent's environment": ("openat", "HERE, b'/proc/%d/environ' % parent, 0"),
    "open the parent's first descriptor": ("openat", "HERE, b'/proc/%d/fd/0' % parent, 0"),
    "open the terminal": ("openat", "HERE, b'/dev/tty', 2"),
    "open by handle": ("open_by_handle_at", "HERE, space, 0"),
    "name to handle": ("name_to_handle_at", "HERE, b'/', space, space, 0"),
    "stat": ("stat", "b'/etc/passwd', space"),
    "statx": ("statx", "HERE, b'/etc/passwd', 0, 0xfff, space"),
    "statfs": ("statfs", "b'/', space"),
    "access": ("access", "b'/etc/passwd', 4"),
    "faccessat": ("faccessat", "HERE, b'/etc/passwd', 4"),
    "readlink": ("readlink", "b'/proc/self/exe', space, 4096"),
    "readlinkat": ("readlinkat", "HERE, b'/proc/self/exe', space, 4096"),
    "getdents": ("getdents64", "0, space, 4096"),
    "getcwd": ("getcwd", "space, 4096"),
    "chdir": ("chdir", "b'/'"),
    "chroot": ("chroot", "b'/'"),
    "chmod": ("chmod", "NOWHERE, 0o777"),
    "fchmodat": ("fchmodat", "HERE, NOWHERE, 0o777"),
    "chown": ("chown", "NOWHERE, 0, 0"),
    "mkdir": ("mkdir", "NOWHERE, 0o700"),
    "mkdirat": ("mkdirat", "HERE, NOWHERE, 0o700"),
    "rmdir": ("rmdir", "NOWHERE"),
    "unlink": ("unlink", "NOWHERE"),
    "unlinkat": ("unlinkat", "HERE, NOWHERE, 0"),
    "rename": ("rename", "NOWHERE, NOWHERE"),
    "renameat2": ("renameat2", "HERE, NOWHERE, HERE, NOWHERE, 0"),
    "symlink": ("symlink", "b'/', NOWHERE"),
    "symlinkat": ("symlinkat", "b'/', HERE, NOWHERE"),
    "link": ("link", "NOWHERE, NOWHERE"),
    "linkat": ("linkat", "HERE, NOWHERE, HERE, NOWHERE, 0"),
    "mknod": ("mknod", "NOWHERE, 0o10600, 0"),
    "truncate": ("truncate", "NOWHERE, 0"),
    "ftruncate": ("ftruncate", "0, 0"),
    "umask": ("umask", "0o22"),
    "flock": ("flock", "0, 4"),
    "inotify": ("inotify_init1", "0"),
    "fanotify": ("fanotify_init", "0, 0"),
    "acct": ("acct", "NOWHERE"),
    # descriptors and pipes
    "fcntl that makes a signal's owner": ("fcntl", "0, 8, parent"),
    "fcntl that duplicates": ("fcntl", "0, 0, 0"),
    "fcntl that asks": ("fcntl", "0, 3, 0"),
    "ioctl": ("ioctl", "0, 0x541B, space"),
    "dup": ("dup", "0"),
    "dup2": ("dup2", "0, 9"),
    "dup3": ("dup3", "0, 9, 0"),
    "pipe": ("pipe", "space"),
    "pipe2": ("pipe2", "space, 0"),
    "splice": ("splice", "0, 0, 1, 0, 0, 2"),
    "vmsplice": ("vmsplice", "1, space, 0, 0"),
    "sendfile": ("sendfile", "1, 0, 0, 0"),
    "copy_file_range": ("copy_file_range", "0, 0, 1, 0, 0, 0"),
    "close_range": ("close_range", "200, 210, 0"),
    "memfd": ("memfd_create", "b'x', 0"),
    "secret memfd": ("memfd_secret", "0"),
    "eventfd": ("eventfd2", "0, 0"),
    "signalfd": ("signalfd4", "-1, bytes(8), 8, 0"),
    "timerfd": ("timerfd_create", "1, 0"),
    "epoll": ("epoll_create1", "0"),
    # processes
    "fork": ("fork", ""),
    "vfork": ("vfork", ""),
    "clone": ("clone", "17, 0, 0, 0, 0"),
    "clone of a user namespace": ("clone", "0x10000011, 0, 0, 0, 0"),
    "clone3": ("clone3", "struct.pack('=8Q', 0, 0, 0, 0, 17, 0, 0, 0), 64"),
    "execve": ("execve", "NOWHERE, 0, 0"),
    "execveat": ("execveat", "HERE, NOWHERE, 0, 0, 0"),
    "kill of the parent": ("kill", "parent, 0"),
    "kill of all": ("kill", "-1, 0"),
    "kill of itself": ("kill", "call('getpid')[0], 0"),
    "tkill": ("tkill", "parent, 0"),
    "tgkill": ("tgkill", "parent, parent, 0"),
    "queued signal": ("rt_sigqueueinfo", "parent, 0, space"),
    "pidfd": ("pidfd_open", "parent, 0"),
    "pidfd signal": ("pidfd_send_signal", "0, 0, 0, 0"),
    "descriptor of another": ("pidfd_getfd", "0, 0, 0"),
    "wait": ("wait4", "-1, 0, 1, 0"),
    "ptrace of the parent": ("ptrace", "2, parent, 0, 0"),
    "read the parent's memory": ("process_vm_readv", "parent, space, 1, space, 1, 0"),
    "write the parent's memory": ("process_vm_writev", "parent, space, 1, space, 1, 0"),
    "advise the parent's memory": ("process_madvise", "0, space, 1, 4, 0"),
    "kcmp": ("kcmp", "parent, parent, 0, 0, 0"),
    "setpriority": ("setpriority", "0, 0, 19"),
    "scheduler": ("sched_setscheduler", "0, 0, space"),
    "affinity": ("sched_setaffinity", "parent, 8, bytes(8)"),
    "own session": ("setsid", ""),
    "getppid": ("getppid", ""),
    "timer": ("timer_create", "1, 0, space"),
    "alarm": ("alarm", "0"),
    "interval timer": ("setitimer", "0, bytes(32), 0"),
    # who it is, and its limits
    "getuid": ("getuid", ""),
    "setuid": ("setuid", "0"),
    "setgid": ("setgid", "0"),
    "setresuid": ("setresuid", "0, 0, 0"),
    "setgroups": ("setgroups", "0, 0"),
    "capset": ("capset", "space, space"),
    "prctl that asks": ("prctl", "3, 0, 0, 0, 0"),
    "prctl that lets others trace": ("prctl", "0x59616d61, -1, 0, 0, 0"),
    "prctl that forgets the parent's death": ("prctl", "1, 0, 0, 0, 0"),
    "prctl with another filter": ("prctl", "22, 2, space, 0, 0"),
    "seccomp": ("seccomp", "1, 0, space"),
    "landlock": ("landlock_create_ruleset", "0, 0, 1"),
    "setrlimit": ("setrlimit", "4, bytes(16)"),
    "prlimit of the parent": ("prlimit64", "parent, 7, 0, space"),
    "personality": ("personality", "0xffffffff"),
    "arch_prctl": ("arch_prctl", "0x1004, space"),
    "ioperm": ("ioperm", "0, 1, 0"),
    # namespaces and mounts
    "unshare of users": ("unshare", "0x10000000"),
    "unshare of files": ("unshare", "0x400"),
    "setns": ("setns", "0, 0"),
    "mount": ("mount", "b'none', NOWHERE, b'tmpfs', 0, 0"),
    "umount": ("umount2", "NOWHERE, 0"),
    "pivot_root": ("pivot_root", "NOWHERE, NOWHERE"),
    "fsopen": ("fsopen", "b'tmpfs', 0"),
    "open_tree": ("open_tree", "HERE, b'/', 0"),
    "move_mount": ("move_mount", "HERE, NOWHERE, HERE, NOWHERE, 0"),
    "mount_setattr": ("mount_setattr", "HERE, NOWHERE, 0, space, 32"),
    "sethostname": ("sethostname", "b'', -1"),
    # the kernel's machinery
    "bpf": ("bpf", "0, space, 48"),
    "io_uring": ("io_uring_setup", "1, space"),
    "aio": ("io_setup", "1, bytes(8)"),
    "perf": ("perf_event_open", "space, 0, -1, -1, 0"),
    "userfaultfd": ("userfaultfd", "1"),
    "membarrier": ("membarrier", "0, 0, 0"),
    "mbind": ("mbind", "0, 0, 0, 0, 0, 0"),
    "mlock": ("mlock", "space, 4096"),
    "module": ("finit_module", "-1, b'', 0"),
    "clock": ("clock_settime", "99, bytes(16)"),
    "kernel log": ("syslog", "3, space, 10"),
    "uname": ("uname", "space"),
    "sysinfo": ("sysinfo", "space"),
    # what is shared between processes
    "key": ("add_key", "b'user', b'x', b'y', 1, -3"),
    "key of another": ("request_key", "b'user', b'x', 0, -3"),
    "keyring": ("keyctl", "0, -3, 0"),
    "shared memory": ("shmget", "0, 4096, 0o1600"),
    "semaphore": ("semget", "0, 1, 0o1600"),
    "message queue": ("msgget", "0, 0o1600"),
    "posix message queue": ("mq_open", "b'x', 0, 0, 0"),
    # memory that could be executed
    "executable memory": ("mmap", "0, 4096, 7, 0x22, -1, 0"),
    "memory made executable": ("mprotect", "ctypes.addressof(space) & ~4095, 4096, 5"),
}
"""Name -> system call and its arguments."""

OTHERS = {
    "descriptors left open": "[fd for fd in range(3, 256) if libc.read(fd, space, 1) != -1]",
    "descriptors left open, looked at": "[fd for fd in range(3, 256) if os.fstat(fd)] if not denied(lambda: "
    "os.fstat(3), OSError) else []",
    "a file by io": "not denied(lambda: io.FileIO('/etc/passwd').read())",
    "a file by the built-in open": "not denied(lambda: io.open('/etc/passwd').read())",
    "a folder": "not denied(lambda: os.listdir('/'))",
    "a shell": "posix.system('true') == 0",
    "a subprocess": "not denied(lambda: subprocess.run(['true']))",
    "a fork by os": "not denied(lambda: os.fork() or libc.syscall(NUMBERS['exit_group'], 0))",
    "a thread": "not denied(lambda: _thread.start_new_thread(print, ()), RuntimeError)",
    "a connection": "not denied(lambda: socket.create_connection(('127.0.0.1', 1)))",
    "a name looked up": "not denied(lambda: socket.getaddrinfo('localhost', 80), socket.gaierror)",
    "a library": "not denied(lambda: ctypes.CDLL('libutil.so.1'), OSError)",
    "shared memory by mmap": "not denied(lambda: mmap.mmap(0, 4096), OSError)",
    "the environment": "dict(os.environ)",
    "a signal to the parent": "not denied(lambda: os.kill(parent, 0))",
}
"""Name -> an expression that is true when it got out."""

X32 = {"getpid by the x32 numbers": "not refused(call(0x40000000 + 39))"} if platform.machine() == "x86_64" else {}

GATE = """
import ctypes, re
at = ctypes.cast(ctypes.pythonapi.Py_Initialize, ctypes.c_void_p).value
text = ctypes.string_at(at, 1 << 20)
gate = text.find(bytes((0xcd, 0x80)))

def exec_evaluation(turn):
    ctypes.CFUNCTYPE(ctypes.c_long)(at + gate)()
    return EvalOutput(1, f"came back from {gate}")
"""
"""Jumps to an ``int 0x80`` that lies by chance in the interpreter's own code."""


def cases() -> dict[str, str]:
    """Name -> expression, of what this machine knows."""
    known = numbers()
    calls = {name: f"not refused(call('{which}', {given}))" for name, (which, given) in CALLS.items() if which in known}
    return {**calls, **OTHERS, **X32}


def script() -> str:
    """The evaluator that tries the case of its turn."""
    return f"NUMBERS = {numbers()}\n{PRELUDE}"
