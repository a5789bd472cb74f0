"""Tasks of locks (digests), where their files are where they were, as they were; and a task on another base than its file names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from rung.climb.registered_base import on_registered, with_adapter
from rung.errors import RungError, UserError
from rung.sources.base import BaseReference
from rung.types import Task

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.tasks import TaskRecord


def on_base(task: Task, base: str, adapters: Sequence[str] = ()) -> Task:
    """The task on another base, under these adapters (digests), in the place of what its file names."""
    batch = task.batch and BaseReference.read(base).is_server
    return replace(task, base=base, base_adapters=tuple(adapters), base_name="", base_adapter="", batch=batch)


def tasks_at_hand(home: Home) -> Callable[[str], Task | None]:
    """The task of a lock (digest), where its file and rows are where they were, as they were; None where they are not."""

    @cache
    def load(lock: str) -> Task | None:
        from rung.task.load import load_task

        try:
            record = home.tasks.get(lock)
            return as_locked(load_task(record.file, home.downloads), record, lock, home) if record.file.is_file() else None
        except RungError:
            return None

    return load


def as_locked(task: Task, record: TaskRecord, lock: str, home: Home) -> Task | None:
    """What a file says now, on the base that the lock has, whichever the file names; None where that is not what was locked.

    task    as the file says it, whatever its `base` leads to
    """
    return next((found for found in _forms(task, record, home) if found.digest == lock), None)


def _forms(task: Task, record: TaskRecord, home: Home) -> Iterator[Task]:
    named = replace(task, name=record.name)
    if record.adapters is not None:
        # As it is where nothing in it is looked up, so that it is told by the words of its file.
        same = (task.base, task.base_adapter, ()) == (record.base, "", record.adapters)
        yield named if same else on_base(named, record.base, record.adapters)
    with suppress(UserError):
        yield with_adapter(on_registered(task, home), home)
    if record.adapters is None:
        yield on_base(named, record.base)
