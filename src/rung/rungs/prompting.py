"""Forms of a prompt: the user's own instruction, and that with one thing changed. The prompt rung searches, the probes compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from rung.data.sample import shuffled
from rung.engine.backend import SaysContext
from rung.engine.demos import Pool, pool_bytes
from rung.parts import Calibration, ChoiceConstraint, Demonstrations
from rung.rungs.base import BuildContext, labelled, longest_answer
from rung.rungs.settings import read_settings
from rung.rungs.shared_rows import MOST_BYTES, shared_rows
from rung.types import Candidate, Example, Run, Task

BYTES_OF_A_TOKEN = 4
# Train rows that show whether answers come with log-probabilities.
FIRST_LOOK = 4


class Config(BaseModel):
    """How far the search goes.

    demonstrations    the numbers of rows to show: of a set that every question is shown, and of those nearest to each behind it
    draws             the sets that are drawn from train, of the largest number, and then raced; 0 tries none
    nearest           the numbers of nearest rows, where they are to be others than those of `demonstrations`; [] tries none
    dev_rows          bounds the rows of each trial
    max_tokens        the longest answer; None gives the longest target of the train split room to spare
    calibrate         whether to fit label bias where the output is one of a set, on `calibration_rows` of train
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    demonstrations: tuple[int, ...] = (4, 8)
    draws: int = Field(default=3, ge=0, le=16)
    nearest: tuple[int, ...] | None = None
    dev_rows: int = Field(default=200, ge=10)
    max_tokens: int | None = Field(default=None, ge=1)
    calibrate: bool = True
    calibration_rows: int = Field(default=200, ge=20)


def plain_candidate(task: Task, context: BuildContext) -> Candidate:
    """The user's own instruction and nothing else: what every other form is compared with."""
    backend = context.runtime.backend_for(task.base)
    return Candidate(
        rung="r1_prompt",
        base=backend.reference,
        template=backend.template,
        adapters=task.base_adapters,
        prompt=task.instruction,
        max_tokens=read_settings(task, "r1_prompt", Config).max_tokens or longest_answer(task),
    )


def forms(task: Task, plain: Candidate) -> dict[str, Candidate]:
    """The instruction as it is, with the output constrained, then with a description of the format before or instead of it."""
    from rung.verify.scoring import scorer_of

    scorer = scorer_of(task)
    rows = task.split("train")
    constraint = scorer.constraint(rows)
    held = replace(plain, constraint=constraint)
    found = {"your instruction": plain} | ({"your instruction, output constrained": held} if constraint else {})
    description = scorer.describe(rows)
    if not description:
        return found
    variants = _variants(task.instruction, description)
    return found | {name: replace(held, prompt=prompt) for name, prompt in variants if prompt != task.instruction}


def _variants(instruction: str, description: str) -> list[tuple[str, str]]:
    both = f"{instruction.strip()}\n{description}".strip()
    return [("instruction and format", both), ("format alone", description)] if instruction.strip() else [("format", description)]


def drawn_rows(task: Task, k: int, number: int, context: BuildContext) -> list[Example]:
    """The k rows of a draw, or as many as leave room for questions: about half of what the base reads, where that is known."""
    backend = context.runtime.backend_for(task.base)
    context_tokens = backend.context_tokens if isinstance(backend, SaysContext) else None
    room = min(MOST_BYTES, BYTES_OF_A_TOKEN // 2 * context_tokens) if context_tokens else MOST_BYTES
    return shared_rows(task, k, number, room)


def with_shared(task: Task, candidate: Candidate, rows: Sequence[Example], context: BuildContext) -> Candidate:
    """The same with these rows shown before every question, in this order, and no others."""
    pool = context.blobs.put_bytes(_pool(task, rows))
    return replace(candidate, demonstrations=Demonstrations(pool=pool, k=0, shared=len(rows)))


def shared_name(rows: Sequence[Example]) -> str:
    """What a form with these rows is called."""
    return f"{len(rows)} shared demonstration{'s' if len(rows) > 1 else ''}"


def with_nearest(task: Task, candidate: Candidate, k: int, context: BuildContext) -> Candidate:
    """The same with the k train rows nearest to each question shown before it, behind those that every question is shown."""
    first = shown_to_all(task, candidate, context)
    shown = {row.id for row in first}
    # Of rows that are equally near the first are shown: in a file's own order those would be of one label.
    rest = [row for row in shuffled(labelled(task), task.seed) if row.id not in shown]
    pool = context.blobs.put_bytes(_pool(task, [*first, *rest]))
    return replace(candidate, demonstrations=Demonstrations(pool=pool, k=k, shared=len(first)))


def shown_to_all(task: Task, candidate: Candidate, context: BuildContext) -> list[Example]:
    """The train rows that a Candidate shows before every question, in their order."""
    shown = candidate.demonstrations
    if shown is None or not shown.shared:
        return []
    rows = {row.question_digest: row for row in reversed(labelled(task))}
    first = Pool.read(context.blobs.local(shown.pool)).demos[: shown.shared]
    return [rows[demo.question_digest] for demo in first if demo.question_digest in rows]


def _pool(task: Task, rows: Sequence[Example]) -> bytes:
    from rung.verify.scoring import target_text

    return pool_bytes(rows, lambda row: target_text(task, row))


def calibrated(task: Task, candidate: Candidate, context: BuildContext) -> Candidate | None:
    """The same with label bias fitted on train rows that it does not show; None where it makes no choice, or the base says no
    log-probabilities.

    That shows in the first few rows: no more are asked for nothing.
    """
    constraint = candidate.constraint
    shown = {row.id for row in shown_to_all(task, candidate, context)}
    others = {row.id for row in task.split("train")} - shown
    if not isinstance(constraint, ChoiceConstraint) or not others:
        return None
    if not _any_logprobs(context.measure(candidate, "train", FIRST_LOOK, among=others)):
        return None
    from rung.verify.scoring import target_text

    run = context.measure(candidate, "train", read_settings(task, "r1_prompt", Config).calibration_rows, among=others)
    targets = {row.id: target_text(task, row) for row in labelled(task)}
    pairs = [(row.answer.logprobs, targets[row.example]) for row in run.rows if row.answer.logprobs]
    if not pairs:
        return None
    from rung.verify.stats.calibrate import fit_bias

    return replace(candidate, calibration=Calibration(bias=fit_bias(pairs, constraint.choices)))


def calibration_rows(task: Task) -> int:
    """Train rows that label bias is fitted on."""
    return min(read_settings(task, "r1_prompt", Config).calibration_rows, len(task.split("train")))


def _any_logprobs(run: Run) -> bool:
    return any(row.answer.logprobs for row in run.rows)
