"""How freed memory is kept, so that a pass over the model does not fetch the same pages from the kernel again and again."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

# From malloc.h of the GNU C library; a larger threshold than 32 MiB is refused by it.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MMAP_THRESHOLD_BYTES = 32 << 20
_TRIM_THRESHOLD_BYTES = 256 << 20


@cache
def reuse_freed_memory() -> None:
    """Have activations of up to 32 MiB come from memory that this process holds already.

    By default the C library gives every such tensor back to the kernel, which clears its pages anew for the next one: on a CPU that
    is a third of the time of wide elementwise steps and of the head's product. Up to 256 MiB of freed memory stays with the
    process.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)


def give_back_freed_memory() -> None:
    """Return what lies free between live tensors to the kernel: batches of other shapes leave gaps behind."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def resident_bytes() -> int | None:
    """What this process holds of the machine's memory; None where the system does not say it in Linux's way."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
