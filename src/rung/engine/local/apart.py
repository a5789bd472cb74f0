"""Work beside the thread that computes answers.

Each thread that computes with torch gets helpers of its own, which stay as long as it does. Where there are more helpers than
processors, OpenMP has all of them sleep between two products instead of waiting awake, and a model of small products answers at
half its speed. So whoever computes something now and then does so in a thread that ends.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Found = TypeVar("Found")


def apart(work: Callable[[], Found]) -> Found:
    """What `work` returns, or raises, in a thread that has ended by then."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="rung apart") as thread:
        return thread.submit(work).result()
