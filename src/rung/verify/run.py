"""Answers to a Run: each row scored by every bar of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.types import Answer, Candidate, Example, Row, Run, Task
from rung.verify.scoring import scorer_of


def score_rows(task: Task, examples: Sequence[Example], answers: Sequence[Answer]) -> tuple[Row, ...]:
    """One Row for each example and its answer, with a score for `quality` and for each guard under its name.

    A scorer finds the passages that an answer was asked to cite in the example's `metadata["shown"]`.
    Raises ValueError where there are not as many answers as examples.
    """
    scorers = {bar.name: scorer_of(task, bar) for bar in (task.quality, *task.guards)}

    def scored(example: Example, answer: Answer) -> Row:
        judged = replace(example, metadata={**example.metadata, "shown": answer.passages}) if answer.passages else example
        scores = {name: scorer.score(judged, answer.text) for name, scorer in scorers.items()}
        return Row(example=example.id, group=example.group, answer=answer, scores=scores)

    return tuple(scored(example, answer) for example, answer in zip(examples, answers, strict=True))


def make_run(
    task: Task,
    candidate: Candidate,
    split: str,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    environment: Mapping[str, Any],
) -> Run:
    """What a Candidate answered on (a part of) a split, scored."""
    rows = score_rows(task, examples, answers)
    return Run(candidate=candidate.id, task=task.digest, split=split, rows=rows, environment=environment)
