"""Takes from this process, for good, what code that nobody has read must not have. Linux alone; standard library only.

A filter of system calls (seccomp) takes the network, new processes, signals to others, every change to files and every look into
another process; Landlock, where the kernel has it, takes all files but Python's own. Neither needs rights, nor can it be undone.
What is refused shows as PermissionError.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # of <linux/prctl.h> and <linux/seccomp.h>
_EPERM, _ENOSYS = 1, 38
_NEW_RULES, _ADD_RULE, _RESTRICT = 444, 445, 446  # landlock_*, the same on every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Every right over files that a version of Landlock knows, version 1 first.
_RIGHTS = ((1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1)
# What open() would change something with: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND.
_CHANGING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000
_THREAD = 0x00010000  # CLONE_THREAD

# name -> number on x86-64, on arm64 (None where it has none); from the kernel's tables.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "setrlimit": (160, 164),
    "creat": (85, None),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "open_by_handle_at": (304, 265),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "setpriority": (141, 140),
}
# Told as unknown, so that the C library falls back to what can be looked at.
_UNKNOWN = {"openat2": (437, 437), "clone3": (435, 435)}
_OPEN, _OPENAT, _CLONE, _PRLIMIT = (2, None), (257, 56), (56, 220), (302, 261)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def lacking() -> str:
    """Why code cannot be confined on this machine, in words; empty where it can."""
    if sys.platform != "linux" or sys.byteorder != "little":
        return f"code that nobody has read can be confined on Linux alone, and this is {platform.system() or sys.platform}"
    if platform.machine() not in _MACHINES or sys.maxsize < 1 << 32:
        return f"code that nobody has read cannot be confined on {platform.machine()}"
    # Asking with no filter at all is refused with "bad address" where filters are known.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SECCOMP, _FILTER, None, 0, 0)
    return "" if ctypes.get_errno() == 14 else "this system lets no process give up its rights (no seccomp filter)"


def not_held() -> str:
    """What is not held here although code is confined, in words; empty where all is."""
    return "" if _landlock_version() else "code could read this user's files (the kernel has no Landlock)"


def prepare() -> tuple[int, ...]:
    """Computes once what `confine` needs, for processes forked from this one: the files that these must leave open till then."""
    _program(*_MACHINES[platform.machine()])
    return tuple(filter(None, [_rules()]))


def confine() -> None:
    """Gives up the rights of this process and of its threads to come. Raises OSError where the system refuses that."""
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    if rules := _rules():
        _checked(libc.syscall(_RESTRICT, rules, 0))
        os.close(rules)
    program = _program(*_MACHINES[platform.machine()])
    code = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    _checked(libc.prctl(_SECCOMP, _FILTER, head, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _landlock_version() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_NEW_RULES, None, 0, 1)))


@cache
def _rules() -> int | None:
    """Landlock's rules, as an open file: Python's own folders, libraries and time zones may be read, and nothing may be changed."""
    version = _landlock_version()
    if not version:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = ctypes.create_string_buffer(struct.pack("Q", _RIGHTS[min(version, len(_RIGHTS)) - 1]))
    rules = _checked(libc.syscall(_NEW_RULES, attributes, ctypes.c_size_t(8), 0))
    for path in _own_paths():
        with contextlib.suppress(OSError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place))
            libc.syscall(_ADD_RULE, rules, 1, rule, 0)
            os.close(place)
    return rules


def _own_paths() -> Iterable[str]:
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
    python = (*sysconfig.get_paths().values(), os.path.join(sys.base_prefix, "lib"), *sys.path)
    return dict.fromkeys(os.path.realpath(path) for path in (*libraries, *python) if path and os.path.exists(path))


@cache
def _program(column: int, machine: int) -> bytes:
    """The filter in the language of classic BPF: each instruction a code, two jumps, a number."""
    return b"".join(struct.pack("HBBI", *step) for step in _steps(column, machine))


def _steps(column: int, machine: int) -> Iterator[tuple[int, int, int, int]]:
    load, equals, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, end = (give, 0, 0, 0x7FFF0000), 0x80000000
    refuse, unknown = (give, 0, 0, 0x50000 | _EPERM), (give, 0, 0, 0x50000 | _ENOSYS)
    number, arguments = 0, 16  # places in struct seccomp_data; the low half of an argument stands first

    yield load, 0, 0, 4
    yield equals, 1, 0, machine
    yield give, 0, 0, end
    yield load, 0, 0, number
    yield at_least, 0, 1, 0x40000000  # x32's numbers, which would pass by the list
    yield refuse
    for listed, answer in ((_DENIED, refuse), (_UNKNOWN, unknown)):
        for numbers in listed.values():
            if (one := numbers[column]) is not None:
                yield equals, 0, 1, one
                yield answer
    for call, place, bits, refused in (
        (_OPEN, 1, _CHANGING, True),
        (_OPENAT, 2, _CHANGING, True),
        (_CLONE, 0, _THREAD, False),
    ):
        if (one := call[column]) is not None:
            yield equals, 0, 4, one
            yield load, 0, 0, arguments + 8 * place
            yield any_bit, *((0, 1) if refused else (1, 0)), bits
            yield refuse
            yield allow
    # Limits may be read, not set: both halves of the pointer to new ones must be nothing.
    yield equals, 0, 5, _PRLIMIT[column]
    yield load, 0, 0, arguments + 16
    yield equals, 0, 2, 0
    yield load, 0, 0, arguments + 20
    yield equals, 1, 0, 0
    yield refuse
    yield allow
