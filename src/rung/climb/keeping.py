"""What a home keeps of a task when it is locked: enough to compute the lock again, judge its answers again, and find a row."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.json_form import Misfit, as_json
from rung.registry.locks import KeptLock
from rung.rungs.base import ladder
from rung.types import Task

if TYPE_CHECKING:
    from rung.registry.home import Home


def keep_lock(task: Task, home: Home) -> bool:
    """Keeps what is to be kept of a task, unless it is kept already; says whether it is.

    It is not where the task cannot be written down so that it gives the same lock again.
    """
    if home.locks.record(task.digest) is not None:
        return True
    kept = kept_lock(task)
    try:
        same = kept.lock == task.digest
    except Misfit:
        return False
    if same:
        home.locks.keep(kept, task.examples)
    return same


def kept_lock(task: Task) -> KeptLock:
    """A task as a home keeps it."""
    from rung.data.digest import text_keys

    settings = as_json(replace(task, examples=(), findings=(), serving=None))
    del settings["examples"], settings["findings"]
    rows = task.examples
    return KeptLock(
        settings=settings,
        secret=secrets.token_hex(32),
        folder=str(Path(task.path).absolute().parent) if task.path else "",
        digests=[row.digest for row in rows],
        ids=[row.id for row in rows],
        groups=[row.group for row in rows],
        splits=[row.split for row in rows],
        places=[row.source for row in rows],
        keys=[text_keys(row) for row in rows],
        slices={str(number): dict(row.slices) for number, row in enumerate(rows) if row.slices},
        learnt=_learnt(task),
    )


def _learnt(task: Task) -> dict[str, list[int]]:
    """Of the rungs that apply and learn from a part of train: which rows that is."""
    train = {row.id for row in task.split("train")}
    found = {}
    for rung in ladder():
        if not rung.why_skipped(task):
            part = {row.id for row in rung.learnt(task)}
            if part != train:
                found[rung.name] = [number for number, row in enumerate(task.examples) if row.split == "train" and row.id in part]
    return found
