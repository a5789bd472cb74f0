"""Forms of a prompt: the user's own instruction, and that with one thing changed. The prompt rung searches, the probes compare."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from rung.data.sample import shuffled
from rung.parts import Calibration, ChoiceConstraint, Demonstrations
from rung.rungs.base import BuildContext, labelled, longest_answer
from rung.rungs.settings import read_settings
from rung.types import Candidate, Run, Task

# Train rows that show whether answers come with log-probabilities.
FIRST_LOOK = 4


class Config(BaseModel):
    """How far the search goes.

    demonstrations    the numbers of demonstrations to try, until more no longer help
    dev_rows          bounds the rows of each trial
    max_tokens        the longest answer; None gives the longest target of the train split room to spare
    calibrate         whether to fit label bias where the output is one of a set, on `calibration_rows` of train
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    demonstrations: tuple[int, ...] = (4, 8)
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


def with_demonstrations(task: Task, candidate: Candidate, k: int, context: BuildContext) -> Candidate:
    """The same with the k train rows nearest to each question shown before it."""
    from rung.engine.demos import pool_bytes
    from rung.verify.scoring import target_text

    # Of rows that are equally near the first are shown: in a file's own order those would be of one label.
    rows = shuffled(labelled(task), task.seed)
    pool = context.blobs.put_bytes(pool_bytes(rows, lambda row: target_text(task, row)))
    return replace(candidate, demonstrations=Demonstrations(pool=pool, k=k))


def calibrated(task: Task, candidate: Candidate, context: BuildContext) -> Candidate | None:
    """The same with label bias fitted on train rows; None where it makes no choice, or the base says no log-probabilities.

    That shows in the first few rows: no more are asked for nothing.
    """
    constraint = candidate.constraint
    if not isinstance(constraint, ChoiceConstraint) or not _any_logprobs(context.measure(candidate, "train", FIRST_LOOK)):
        return None
    from rung.verify.scoring import target_text

    run = context.measure(candidate, "train", read_settings(task, "r1_prompt", Config).calibration_rows)
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
