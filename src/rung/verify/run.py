"""Task and Candidate and rows to a Run: answered through the runtime, each row scored by every bar of the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rung.engine.answer import answer
from rung.engine.runtime import Runtime
from rung.types import SILENT, Answer, Candidate, Example, Progress, Row, Run, Score, Task
from rung.verify.environment import environment
from rung.verify.missing import no_answer
from rung.verify.scoring import BoundScorer, scorer_of


def evaluate(task: Task, candidate: Candidate, split: str, rows: Sequence[Example], runtime: Runtime, progress: Progress) -> Run:
    """The Candidate's Run on (a part of) a split. Long work shows how far it is; what was answered before costs nothing.

    Raises what `engine.answer.answer` raises.
    """
    with progress.stage(f"{candidate.rung} answers {len(rows)} {split} rows", len(rows)) as stage:
        answers = answer(candidate, rows, runtime, stage=stage)
    return make_run(task, candidate, split, score_rows(task, rows, answers))


def make_run(task: Task, candidate: Candidate, split: str, rows: Sequence[Row]) -> Run:
    """Scored rows, and what they were computed with."""
    return Run(candidate=candidate.id, task=task.digest, split=split, rows=tuple(rows), environment=environment(task.seed))


def score_rows(task: Task, examples: Sequence[Example], answers: Sequence[Answer]) -> tuple[Row, ...]:
    """One Row for each example and its answer, with a score for `quality` and for each guard under its name.

    A scorer finds the passages that an answer was asked to cite in the example's `shown`. An answer that is none is not scored, but
    one without a text is where that is the right answer.
    Raises ValueError where there are not as many answers as examples.
    """
    scorers = {bar.name: scorer_of(task, bar) for bar in (task.quality, *task.guards)}
    none = [_no_answer(row, said, scorers["quality"]) for row, said in zip(examples, answers, strict=True)]
    for scorer in scorers.values():
        scorer.prepare([(row, said.text) for row, said, absent in zip(examples, answers, none, strict=True) if not absent])
    rows = []
    for example, said, absent in zip(examples, answers, none, strict=True):
        judged = replace(example, shown=tuple(said.passages)) if said.passages else example
        given = {name: Score(value=None, reason=absent) for name in scorers} if absent else {}
        scores = given or {name: scorer.score(judged, said.text) for name, scorer in scorers.items()}
        rows.append(Row(example=example.id, group=example.group, answer=said, scores=scores))
    return tuple(rows)


def _no_answer(example: Example, said: Answer, quality: BoundScorer) -> str:
    if said.finish_reason == SILENT and example.target is not None and not quality.ideal(example).strip():
        return ""
    return no_answer(said)


def random_order(task: Task, split: str) -> tuple[Example, ...]:
    """A split's rows in a random order fixed by the task's seed, rows of a group together: every prefix is a random sample."""
    from rung.verify.stats import clusters

    rows = task.split(split)
    return tuple(rows[index] for index in clusters.look_order([row.group for row in rows], task.seed))
