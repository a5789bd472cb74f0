"""Python's search for objects that hold each other, put off where it takes time and finds nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search meanwhile: rows hold nothing that holds them, and to look through them again and again is a third of the time that
    reading 100,000 of them takes."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def settle() -> None:
    """What there is by now stays, for a process that goes on for long: it is looked through once more, and then no more.

    A search through all objects of a server stops all of its threads meanwhile, and finds none of these.
    """
    gc.collect()
    gc.freeze()
