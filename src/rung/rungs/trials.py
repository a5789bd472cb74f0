"""Trials on dev: one change each, the simplest of those that are as good as the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.rungs.base import BuildContext
from rung.types import Candidate, Run


@dataclass(frozen=True)
class Trial:
    """One form of a Candidate and what it scored on dev. `extra_tokens` is what it costs beside its prompt, in tokens' worth."""

    name: str
    candidate: Candidate
    run: Run
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
        mean = self.run.mean()
        return mean if mean is not None else -1.0


def try_out(name: str, candidate: Candidate, context: BuildContext, dev_rows: int, extra_tokens: float = 0.0) -> Trial:
    """The Candidate on the first `dev_rows` rows of dev."""
    trial = Trial(name, candidate, context.measure(candidate, "dev", dev_rows), extra_tokens)
    context.progress.note(f"{name}: {trial.mean:.1%} on {len(trial.run.rows)} dev rows")
    return trial


def simplest_of_the_best(trials: Sequence[Trial]) -> Trial:
    """The cheapest within one standard error of the best."""
    from rung.verify.stats.select import one_standard_error

    return trials[one_standard_error([(trial.cost, trial.run.values()) for trial in trials], trials[0].run.groups)]


def record(trials: Sequence[Trial], chosen: Trial, context: BuildContext) -> None:
    """Keep the trials for the report."""
    for trial in trials:
        fact = {"name": trial.name, "mean": trial.run.mean(), "n": len(trial.run.rows), "chosen": trial is chosen}
        context.record("trial", fact | {"prompt": trial.candidate.prompt})
