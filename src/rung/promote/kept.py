"""A locked task as a home kept it, held against its lock again: what may stand in for a task file that has moved on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.errors import BrokenEnvironment
from rung.json_form import Misfit
from rung.promote.conditions import Asked
from rung.registry.locks import LockRecord
from rung.types import Example, Task

if TYPE_CHECKING:
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class KeptTask:
    """What the home kept of a task.

    settings  the task without rows; `task` with its test rows, None where they are not there
    broken    what of it is not as it was locked; `faults` are these, and why there are no rows
    said      what there is of it
    """

    settings: Task | None
    task: Task | None
    broken: tuple[str, ...]
    faults: tuple[str, ...]
    said: str


def kept_task(home: Home, lock: str, wanted: Asked) -> KeptTask | None:
    """What the home kept of the task of a lock (digest), held against it; None where it kept nothing."""
    record = home.locks.record(lock) if lock else None
    if record is None:
        return None
    try:
        kept = home.locks.get(record)
        settings, again = kept.task, kept.lock
    except (BrokenEnvironment, Misfit) as error:
        return _broken(
            error.problem if isinstance(error, BrokenEnvironment) else f"what was kept of the lock cannot be read ({error})"
        )
    broken = []
    if again != lock:
        broken.append(f"what was kept of the lock {lock[:12]} gives the lock {again[:12]}")
    if kept.trees != record.trees:
        broken.append(f"the rows that were kept of the lock {lock[:12]} have other roots than the audit says")
    signed = wanted.receipt.document.data if wanted.receipt else wanted.version.evidence.data
    roots = {split: tree.data for split, tree in kept.trees.items()}
    if signed and dict(signed) != roots:
        broken.append("the rows that were kept are not those whose roots were signed")
    rows, fault = _rows(home, record)
    if rows and [row.digest for row in rows] != kept.of("test"):
        broken.append("the test rows that were kept are not those that were locked")
    task = replace(settings, examples=tuple(rows)) if rows and not broken else None
    sizes = ", ".join(f"{split} {tree.n:,}" for split, tree in kept.trees.items())
    said = f"its settings and the digests of its rows ({sizes}), which the home kept; {settings.path} is not as it was"
    return KeptTask(settings=settings, task=task, broken=tuple(broken), faults=(*broken, *([fault] if fault else [])), said=said)


def _rows(home: Home, record: LockRecord) -> tuple[list[Example], str]:
    """The test rows as they were, and why there are none."""
    try:
        return home.locks.rows(record), ""
    except BrokenEnvironment as error:
        return [], f"the test rows were kept and are gone ({error.problem})"


def _broken(why: str) -> KeptTask:
    return KeptTask(settings=None, task=None, broken=(why,), faults=(why,), said="")
