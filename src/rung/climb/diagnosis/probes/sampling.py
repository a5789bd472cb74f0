"""Sampling: is the right answer among what the base would say? pass@1 against pass@8 and the majority: latent skill, or none.

pass@k is the unbiased estimate of Chen et al., arXiv 2107.03374: 1 - C(n - c, k) / C(n, k) for c right ones of n samples. Where the
answer is one of a set, every label's probability is known and nothing need be sampled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.climb.diagnosis.case import Case, Evidence
from rung.engine.answer import answer
from rung.engine.backend import Backend, Request
from rung.json_form import digest
from rung.parts import ChoiceConstraint
from rung.reply import read_reply
from rung.rungs.asks import Ask
from rung.storage import AnswerCache
from rung.types import Answer, Candidate, Example, Task
from rung.verify.scoring import scorer_of
from rung.verify.stats.samples import choice_pass_at_k, pass_at_k

TITLE = "what the base would say in several tries"
CAUSE = None


class Config(BaseModel):
    """`samples` of each of `rows` rows at `temperature`; pass@k for k = 1 and `samples`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=8, ge=2, le=64)
    rows: int = Field(default=32, ge=8)
    temperature: float = Field(default=0.8, gt=0, le=2)


def applies(task: Task) -> str:
    """Any task."""
    return ""


def probe(case: Case, config: Config) -> Evidence:
    """Figures only: a right answer among several is no answer that could be shipped."""
    form = replace(case.best, calibration=None)
    if isinstance(form.constraint, ChoiceConstraint):
        found = _from_probabilities(case, form, config)
        return _evidence(found) if found else Evidence(reason="the base does not say each label's log-probability")
    places = case.places(case.chars(form) * config.samples, config.rows)
    rows = [case.sample.examples[place] for place in places]
    scorer = scorer_of(case.task)
    right, agreed = [], []
    for example, answers in zip(rows, _sampled(case, form, rows, config), strict=True):
        texts = [read_reply(said.text).text.strip() for said in answers]
        right.append(sum((scorer.score(example, text).value or 0.0) >= 1.0 for text in texts))
        agreed.append(scorer.score(example, Counter(texts).most_common(1)[0][0]).value or 0.0)
    strata, n = case.sample.strata.take(places), config.samples
    return _evidence(
        {
            "k": n,
            "rows": len(rows),
            "pass_at_1": strata.mean([pass_at_k(n, count, 1) for count in right]),
            "pass_at_k": strata.mean([pass_at_k(n, count, n) for count in right]),
            "majority": strata.mean(agreed),
        }
    )


def foresee(case: Case, config: Config) -> list[Ask]:
    """The best form, once where labels have probabilities, else several times."""
    form = replace(case.best, calibration=None)
    if isinstance(form.constraint, ChoiceConstraint):
        return [case.foreseen(TITLE, form)]
    drawn = case.foreseen(TITLE, form, chars=case.chars(form) * (config.samples - 1), limit=config.rows)
    return [replace(drawn, times=float(config.samples), beside=0.0)]


def _evidence(found: Mapping[str, Any]) -> Evidence:
    said = (
        f"A right answer at the first try: {found['pass_at_1']:.1%}; among {found['k']} tries: {found['pass_at_k']:.1%}; "
        f"by majority: {found['majority']:.1%} ({found['rows']} rows)."
    )
    return Evidence(facts=found, said=(said,))


def _from_probabilities(case: Case, form: Candidate, config: Config) -> Mapping[str, Any]:
    """The same three figures from each label's probability; {} where the base does not say it."""
    places = case.places(case.chars(form))
    run = case.run(form, [case.sample.examples[place] for place in places])
    scorer = scorer_of(case.task)
    once, often, agreed = [], [], []
    for row, place in zip(run.rows, places, strict=True):
        if row.answer.logprobs is None:
            return {}
        example = case.sample.examples[place]
        right = {choice: (scorer.score(example, choice).value or 0.0) >= 1.0 for choice in row.answer.logprobs}
        once.append(choice_pass_at_k(row.answer.logprobs, right, 1))
        often.append(choice_pass_at_k(row.answer.logprobs, right, config.samples))
        agreed.append(float(right[max(row.answer.logprobs, key=lambda choice: row.answer.logprobs[choice])]))  # type: ignore[index]
    strata = case.sample.strata.take(places)
    figures = {"pass_at_1": strata.mean(once), "pass_at_k": strata.mean(often), "majority": strata.mean(agreed)}
    return {"k": config.samples, "rows": len(places), **figures}


def _sampled(case: Case, form: Candidate, rows: Sequence[Example], config: Config) -> list[list[Answer]]:
    """Each row's samples, each number's with a seed of its own."""
    runtime, each = case.context.runtime, []
    with case.context.progress.stage(f"{config.samples} samples of {len(rows)} dev rows", config.samples * len(rows)) as stage:
        for number in range(config.samples):
            draw = _Draw(temperature=config.temperature, seed=case.task.seed * 1000 + number)
            warm = replace(runtime, backend_for=partial(_warm, runtime.backend_for, draw), cache=_Kept(runtime.cache, draw))
            each.append(answer(form, rows, warm, stage=stage))
    return [list(answers) for answers in zip(*each, strict=True)]


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """How one sample of every row is drawn."""

    temperature: float
    seed: int


class _Warm:
    """A backend that draws, where it would take the likeliest token."""

    def __init__(self, backend: Backend, draw: _Draw) -> None:
        self.backend, self.draw = backend, draw
        self.reference, self.template = backend.reference, backend.template

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        drawn = [replace(one, temperature=self.draw.temperature, seed=self.draw.seed) for one in requests]
        return self.backend.answer(drawn)


def _warm(backend_for: Callable[[str], Backend], draw: _Draw, reference: str) -> Backend:
    return _Warm(backend_for(reference), draw)


@dataclass(frozen=True)
class _Kept:
    """Samples are kept under ids of their own: a Candidate's answers are greedy."""

    cache: AnswerCache | None
    draw: _Draw

    def load(self, candidate: str, examples: Sequence[str]) -> dict[str, Answer]:
        return self.cache.load(self._id(candidate), examples) if self.cache else {}

    def store(self, candidate: str, answers: Mapping[str, Answer]) -> None:
        if self.cache:
            self.cache.store(self._id(candidate), answers)

    def forget(self, candidate: str, examples: Sequence[str]) -> None:
        if self.cache:
            self.cache.forget(self._id(candidate), examples)

    def _id(self, candidate: str) -> str:
        return digest([candidate, "drawn", self.draw.temperature, self.draw.seed])
