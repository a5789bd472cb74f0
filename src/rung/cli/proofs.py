"""What `promote` and `verify` are given beside the home: tasks at hand as they were locked, receipts for homes of before."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import RungError, UserError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Task


def tasks_at_hand(home: Home) -> Callable[[str], Task | None]:
    """The task of a lock (digest), where its file and rows are where they were, as they were; None where they are not."""
    from rung.climb.registered_base import load_task

    @cache
    def load(lock: str) -> Task | None:
        try:
            path = Path(home.tasks.get(lock).path)
            task = load_task(path, home) if path.is_file() else None
        except RungError:
            return None
        return task if task is not None and task.digest == lock else None

    return load


def made_up_for(home: Home, version: Version) -> str:
    """Makes the receipt of a version that a climb passed before there were receipts, or whose receipts were signed by a key that
    has ended; returns what to say of it, "" for nothing."""
    from rung.climb.receipts import remake

    known = home.receipts.of(version.name, version.version)
    if not version.evidence.climb or any(one.holds or one.faults for one in known):
        return ""
    try:
        name = remake(home, version)
    except UserError as error:
        return f"no receipt could be made from its record: {error.problem}"
    why = known[-1].lapsed if known else f"{version.ref} passed before there were receipts"
    return f"{why}: {name[:12]} was made from the record of its climb"
