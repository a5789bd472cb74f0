"""Compiled code on the threads that torch computes with: they are awake, and others would take the cores from them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

_OPENMP = ("libgomp", "libomp", "libiomp5")
Entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def run(address: int, task: int) -> None:
    """Call what lies at `address` with the address of its task, once on each thread; they share the work themselves."""
    parallel, threads = _parallel(), torch.get_num_threads()
    if parallel is None or threads == 1:
        Entry(address)(task)
    else:
        parallel(address, task, threads, 0)


@cache
def _parallel() -> Callable[[int, int, int, int], None] | None:
    """What libgomp starts its threads with, and what stands in for it has too; None where torch's is not to be found."""
    library = torch_openmp()
    if library is None:
        return None
    try:
        found = ctypes.CDLL(library).GOMP_parallel
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return found


def torch_openmp() -> str | None:
    """The library that torch computes with: its own, or else the only one that is loaded."""
    if sys.platform != "linux":
        return None
    loaded = {line.split(maxsplit=5)[5].strip() for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line}
    known = sorted(path for path in loaded if Path(path).name.startswith(_OPENMP))
    own = [path for path in known if Path(path).is_relative_to(Path(torch.__file__).parent)]
    return own[0] if own else known[0] if len(known) == 1 else None
