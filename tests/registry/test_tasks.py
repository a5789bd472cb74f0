from __future__ import annotations

from pathlib import Path

import pytest
from nouns import a_task

from rung.errors import UserError
from rung.registry.home import Home
from rung.registry.tasks import TaskRecord


def test_a_task_is_kept_as_it_was_locked(registry: Home) -> None:
    locked, moved = a_task(path="task.yaml"), a_task(path="elsewhere.yaml")
    assert locked.digest == moved.digest
    for task in (locked, moved):
        registry.tasks.add(task)
    kept = TaskRecord(name="tone", base="pip:llm", path="task.yaml", adapters=(), folder=str(Path.cwd()))
    assert registry.tasks.get(locked.digest) == kept
    assert kept.file == Path("task.yaml").absolute() and TaskRecord(name="t", base="b", path="t.yaml").file == Path("t.yaml")
    with pytest.raises(UserError, match="no task t2"):
        registry.tasks.get("t2")
