"""Versions whose tasks' rows are known: each on a task of its own, with what a home keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.climb.keeping import keep_lock
from rung.data.digest import data_digests
from rung.registry.home import Home
from rung.registry.names import Evidence, Version
from rung.types import Bar, Candidate, Example, Task

BASE = f"pip:llm@sha256:{'00' * 32}"


def row(number: int, split: str, *, text: str = "", target: str = "good", file: str = "messages.csv") -> Example:
    """A row that stands in line `number` of a file."""
    asked = text or f"this is what customer {number} wrote"
    return Example(
        id=f"{file}:{number}",
        messages=({"role": "user", "content": asked},),
        target=target,
        source=f"{file}:{number}",
        split=split,
        group=f"{file}:{number}",
    )


def a_task(name: str, rows: Sequence[Example], **fields: Any) -> Task:
    return Task(
        name=name,
        base=BASE,
        instruction="Good or bad?",
        examples=tuple(rows),
        quality=Bar(scorer="exact", at_least=0.5),
        path=f"tasks/{name}/task.yaml",
        **fields,
    )


def passed(home: Home, task: Task, *, keep: bool = True, climb: str = "c1" * 32, **fields: Any) -> Version:
    """Registers the next version of a task's name, as its climb does; unless said otherwise with an adapter of its own."""
    called = f"{task.name} {len(home.names.all())}"
    own = home.blobs.put_bytes(called.encode())
    given = {"rung": "r4_adapter", "base": task.base, "prompt": called, "adapters": (*task.base_adapters, own)}
    candidate = Candidate(**{**given, **fields})
    home.tasks.add(task)
    if keep:
        assert keep_lock(task, home)
    home.candidates.add(candidate, task.digest)
    evidence = Evidence(climb=climb, rung=candidate.rung if climb else "", task=task.digest, data=data_digests(task.examples))
    return home.names.of(name=home.names.register(task.name, candidate.id, evidence).partition("@")[0])[-1]
