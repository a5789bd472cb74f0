"""Small tasks of spam and ham, and what a model answered to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.types import Answer, Bar, Example, Row, Task
from rung.verify.run import score_rows

CHOICE: dict[str, Any] = {"scorer": "choice", "config": {"choices": ["ham", "spam"], "ignore_case": True}}


def examples_of(targets: Sequence[str], groups: Sequence[str] = (), slices: Sequence[dict[str, Any]] = ()) -> tuple[Example, ...]:
    """Test rows with these targets, each alone unless `groups` says otherwise."""
    return tuple(
        Example(
            id=f"r{n}",
            messages=({"role": "user", "content": f"message {n}"},),
            target=target,
            split="test",
            group=groups[n] if groups else f"r{n}",
            slices=slices[n] if slices else {},
        )
        for n, target in enumerate(targets)
    )


def task_of(examples: Sequence[Example], quality: Bar, **rest: Any) -> Task:
    """A task with this bar."""
    return Task(name="mail", base="none", instruction="", examples=tuple(examples), quality=quality, **rest)


def answered(task: Task, answers: Sequence[str | Answer]) -> tuple[Row, ...]:
    """The task's test rows, answered and scored."""
    said = [answer if isinstance(answer, Answer) else Answer(text=answer) for answer in answers]
    return score_rows(task, task.split("test")[: len(said)], said)
