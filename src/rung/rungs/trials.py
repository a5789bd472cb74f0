"""Trials on dev: one change each, the simplest of those that are as good as the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rung.rungs.base import BuildContext
from rung.types import Candidate, Run
from rung.verify.choosing import Shares, shares_of_run
from rung.verify.missing import remarks


@dataclass(frozen=True)
class Trial:
    """One form of a Candidate and what it scored on dev. `extra_tokens` is what it costs beside its prompt, in tokens' worth.

    `shares` are its rows as the quality bar sees them: what it is chosen by.
    """

    name: str
    candidate: Candidate
    run: Run
    shares: Shares
    extra_tokens: float = 0.0

    @property
    def cost(self) -> float:
        """Prompt tokens an answer takes on average over all its steps, and its calls: what a cheaper trial saves."""
        tokens = [row.answer.prompt_tokens for row in self.run.rows if row.answer.prompt_tokens is not None]
        calls = sum(len(row.answer.calls) for row in self.run.rows) / max(1, len(self.run.rows))
        return (sum(tokens) / len(tokens) if tokens else float(len(self.candidate.prompt))) + calls + self.extra_tokens

    @property
    def mean(self) -> float:
        """A trial without any score cannot be chosen."""
        mean = self.shares.mean
        return mean if mean is not None else -1.0

    def figures(self, *, chosen: bool) -> dict[str, Any]:
        """For the report. What the mean is, where it is not the mean score of all rows, is said."""
        found = {"name": self.name, "mean": self.shares.mean, "n": len(self.shares.values), "chosen": chosen}
        return found | {"prompt": self.candidate.prompt} | ({"by": self.shares.by} if self.shares.by else {})


def try_out(name: str, candidate: Candidate, context: BuildContext, dev_rows: int, extra_tokens: float = 0.0) -> Trial:
    """The Candidate on the first `dev_rows` rows of dev."""
    run = context.measure(candidate, "dev", dev_rows)
    trial = Trial(name, candidate, run, shares_of_run(context.task, run), extra_tokens)
    by = f" ({trial.shares.by})" if trial.shares.by else ""
    score = "no score" if trial.shares.mean is None else f"{trial.mean:.1%}"
    none = "".join(f"; {remark}" for remark in remarks([row.answer for row in run.rows]))
    context.progress.note(f"{name}: {score} on {len(trial.shares.values)} dev rows{by}{none}")
    return trial


def simplest_of_the_best(trials: Sequence[Trial]) -> Trial:
    """The cheapest within one standard error of the best."""
    from rung.verify.stats.select import one_standard_error

    return trials[one_standard_error([(trial.cost, trial.shares.values) for trial in trials], trials[0].shares.groups)]


def record(trials: Sequence[Trial], chosen: Trial, context: BuildContext) -> None:
    """Keep the trials for the report."""
    for trial in trials:
        context.record("trial", trial.figures(chosen=trial is chosen))
