"""Prompt: the instruction, its format, demonstrations and calibration that do best on dev; nothing is trained.

Each trial changes one thing. A dearer form is kept only where it beats the cheaper one by more than a standard error on dev
(Breiman et al., 1984, section 3.4.3), so that the best of many trials is not taken for better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.parts import Calibration, ChoiceConstraint, Demonstrations
from rung.rungs.base import BuildContext, labelled, longest_answer
from rung.rungs.causes import DECISION, DEMONSTRATIONS, FORMAT, SOLVED
from rung.rungs.first_search import first_search
from rung.rungs.settings import read_settings
from rung.rungs.trials import Trial, record, simplest_of_the_best, try_out
from rung.types import Candidate, Example, Task

TITLE = "prompt"
UNDO = "point the name at the version before: nothing but text changes"
ORDER = 10
CHEAP = True
MENDS = (SOLVED, FORMAT, DECISION, DEMONSTRATIONS)
# Forms of the prompt tried without demonstrations: the instruction free and constrained, with the format, the format alone.
FORMS = 4


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


def applies(task: Task) -> str:
    """Any base can be prompted."""
    return ""


def forecast(task: Task, speeds: Any) -> tuple[float | None, int | None]:
    """Every trial on dev, then the whole gate at the dearest form tried. The engine's memory is the base's and little more."""
    config = read_settings(task, "r1_prompt", Config)
    rows = min(config.dev_rows, len(task.split("dev")))
    each = {k: speeds.answer_s(k) for k in (0, *config.demonstrations)}
    if None in each.values():
        return None, None
    trials = rows * (FORMS * each[0] + sum(each[k] for k in config.demonstrations))
    calibration = (config.calibration_rows + rows) * max(each.values()) if config.calibrate else 0.0
    rest = len(task.split("dev")) + len(task.split("gate"))
    return trials + calibration + rest * max(each.values()), None


def propose(rows: Sequence[Example], classes: Mapping[str, int]) -> dict[str, Any]:
    """Settings for a task file that is written from these rows: a first verdict within minutes."""
    return first_search(rows, classes, FORMS)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Try instructions, the output constraint, demonstrations and calibration, in that order, each on dev."""
    config = read_settings(task, "r1_prompt", Config)
    trials = [try_out(name, form, context, config.dev_rows) for name, form in forms(task, plain_candidate(task, context)).items()]
    best = simplest_of_the_best(trials)
    shown = _demonstrated(task, best, context, config)
    best = simplest_of_the_best([best, *shown])
    tuned = _calibrated(task, best, context, config)
    chosen = tuned if tuned and tuned.mean > best.mean else best
    record([*trials, *shown, *([tuned] if tuned else [])], chosen, context)
    return chosen.candidate


def plain_candidate(task: Task, context: BuildContext) -> Candidate:
    """The user's own instruction and nothing else: what every other form is compared with."""
    backend = context.runtime.backend_for(task.base)
    return Candidate(
        rung="r1_prompt",
        base=backend.reference,
        template=backend.template,
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


def _demonstrated(task: Task, best: Trial, context: BuildContext, config: Config) -> list[Trial]:
    """With ever more demonstrations, until more of them no longer help: each number costs as many prompt tokens at every answer."""
    trials = [best]
    for k in sorted(config.demonstrations):
        if k >= len(labelled(task)) or (len(trials) > 1 and trials[-1].mean <= trials[-2].mean):
            break
        shown = with_demonstrations(task, best.candidate, k, context)
        trials.append(try_out(f"{best.name} + {k} demonstrations", shown, context, config.dev_rows))
    return trials[1:]


def with_demonstrations(task: Task, candidate: Candidate, k: int, context: BuildContext) -> Candidate:
    """The same with the k train rows nearest to each question shown before it."""
    from rung.engine.demos import pool_bytes
    from rung.verify.scoring import target_text

    pool = context.blobs.put_bytes(pool_bytes(labelled(task), lambda row: target_text(task, row)))
    return replace(candidate, demonstrations=Demonstrations(pool=pool, k=k))


def _calibrated(task: Task, best: Trial, context: BuildContext, config: Config) -> Trial | None:
    """Label bias fitted on train rows by maximum likelihood, then tried on dev (Zhao et al., arXiv 2102.09690, with labels)."""
    candidate = calibrated(task, best.candidate, context) if config.calibrate else None
    return try_out(f"{best.name}, calibrated", candidate, context, config.dev_rows) if candidate else None


def calibrated(task: Task, candidate: Candidate, context: BuildContext) -> Candidate | None:
    """The same with label bias fitted on train rows; None where it makes no choice, or the base says no log-probabilities."""
    constraint = candidate.constraint
    if not isinstance(constraint, ChoiceConstraint):
        return None
    from rung.verify.scoring import target_text

    run = context.measure(candidate, "train", read_settings(task, "r1_prompt", Config).calibration_rows)
    targets = {row.id: target_text(task, row) for row in labelled(task)}
    pairs = [(row.answer.logprobs, targets[row.example]) for row in run.rows if row.answer.logprobs]
    if not pairs:
        return None
    from rung.verify.stats.calibrate import fit_bias

    return replace(candidate, calibration=Calibration(bias=fit_bias(pairs, constraint.choices)))
