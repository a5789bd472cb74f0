"""Prompt: the instruction, its format, demonstrations and calibration that do best on dev; nothing is trained.

Each trial changes one thing. A dearer form is kept only where it beats the cheaper one by more than a standard error on dev
(Breiman et al., 1984, section 3.4.3), so that the best of many trials is not taken for better than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.rungs._shared import labelled, read_settings
from rung.types import Bench, Candidate, Run, Task

TITLE = "prompt"
UNDO = "point the name at the version before: nothing but text changes"
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


@dataclass(frozen=True)
class Trial:
    """One form of the prompt and what it scored on dev."""

    name: str
    candidate: Candidate
    run: Run

    @property
    def cost(self) -> float:
        """Prompt tokens an answer takes on average: what a cheaper trial saves."""
        tokens = [row.answer.prompt_tokens for row in self.run.rows if row.answer.prompt_tokens is not None]
        return sum(tokens) / len(tokens) if tokens else float(len(self.candidate.prompt))


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


def build(task: Task, parent: Candidate | None, bench: Bench) -> Candidate:
    """Try instructions, the output constraint, demonstrations and calibration, in that order, each on dev."""
    config = read_settings(task, "r1_prompt", Config)
    backend = bench.open_base(task.base)
    plain = Candidate(
        rung="r1_prompt",
        base=backend.reference,
        template=backend.template,
        prompt=task.instruction,
        max_tokens=config.max_tokens or _longest_answer(task),
    )
    trials = [_try("your instruction", plain, bench, config)]
    trials += _constrained(task, plain, bench, config)
    best = _simplest_of_the_best(trials)
    shown = _demonstrated(task, best, bench, config)
    best = _simplest_of_the_best([best, *shown])
    calibrated = _calibrated(task, best, bench, config)
    chosen = calibrated if calibrated and _mean(calibrated) > _mean(best) else best
    for trial in [*trials, *shown, *([calibrated] if calibrated else [])]:
        fact = {"name": trial.name, "mean": trial.run.mean(), "n": len(trial.run.rows), "chosen": trial is chosen}
        bench.record("trial", fact | {"prompt": trial.candidate.prompt})
    bench.measure(chosen.candidate, "dev")
    return chosen.candidate


def _longest_answer(task: Task) -> int:
    """Tokens for the longest target, generously: a token holds two characters or more of any language that a base reads well."""
    from rung.verify.scoring import target_text

    return 16 + max(len(target_text(task, row)) for row in labelled(task)) // 2


def _try(name: str, candidate: Candidate, bench: Bench, config: Config) -> Trial:
    trial = Trial(name, candidate, bench.measure(candidate, "dev", config.dev_rows))
    bench.progress.note(f"{name}: {_mean(trial):.1%} on {len(trial.run.rows)} dev rows")
    return trial


def _mean(trial: Trial) -> float:
    """A trial without any score cannot be chosen."""
    mean = trial.run.mean()
    return mean if mean is not None else -1.0


def _constrained(task: Task, plain: Candidate, bench: Bench, config: Config) -> list[Trial]:
    """The same instruction with the output constrained, then with a description of the format before or instead of it."""
    from rung.verify.scoring import scorer_of

    scorer = scorer_of(task)
    rows = task.split("train")
    constraint = scorer.constraint(rows)
    held = replace(plain, constraint=constraint)
    trials = [_try("your instruction, output constrained", held, bench, config)] if constraint else []
    description = scorer.describe(rows)
    if not description:
        return trials
    for name, prompt in _variants(task.instruction, description):
        if prompt != task.instruction:
            trials.append(_try(name, replace(held, prompt=prompt), bench, config))
    return trials


def _variants(instruction: str, description: str) -> list[tuple[str, str]]:
    both = f"{instruction.strip()}\n{description}".strip()
    return [("instruction and format", both), ("format alone", description)] if instruction.strip() else [("format", description)]


def _demonstrated(task: Task, best: Trial, bench: Bench, config: Config) -> list[Trial]:
    """With ever more demonstrations, until more of them no longer help: each number costs as many prompt tokens at every answer."""
    trials = [best]
    for k in sorted(config.demonstrations):
        if k >= len(labelled(task)) or (len(trials) > 1 and _mean(trials[-1]) <= _mean(trials[-2])):
            break
        trials.append(_try(f"{best.name} + {k} demonstrations", _with_demos(task, best.candidate, k, bench), bench, config))
    return trials[1:]


def _with_demos(task: Task, candidate: Candidate, k: int, bench: Bench) -> Candidate:
    from rung.engine.demos import pool_bytes
    from rung.verify.scoring import target_text

    pool = bench.blobs.put_bytes(pool_bytes(labelled(task), lambda row: target_text(task, row)))
    return replace(candidate, demos={"pool": pool, "k": k})


def _simplest_of_the_best(trials: Sequence[Trial]) -> Trial:
    from rung.verify.stats.select import one_standard_error

    return trials[one_standard_error([(trial.cost, trial.run.values()) for trial in trials])]


def _calibrated(task: Task, best: Trial, bench: Bench, config: Config) -> Trial | None:
    """Label bias fitted on train rows by maximum likelihood, then tried on dev (Zhao et al., arXiv 2102.09690, with labels)."""
    constraint = best.candidate.constraint
    if not config.calibrate or not constraint or constraint["kind"] != "choice":
        return None
    from rung.verify.scoring import target_text

    run = bench.measure(best.candidate, "train", config.calibration_rows)
    targets = {row.id: target_text(task, row) for row in labelled(task)}
    pairs = [(row.answer.logprobs, targets[row.example]) for row in run.rows if row.answer.logprobs]
    if not pairs:
        return None
    from rung.verify.stats.calibrate import fit_bias

    bias = fit_bias(pairs, tuple(constraint["choices"]))
    candidate = replace(best.candidate, calibration={"bias": bias})
    return _try(f"{best.name}, calibrated", candidate, bench, config)
