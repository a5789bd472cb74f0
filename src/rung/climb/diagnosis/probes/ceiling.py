"""Ceiling: can anything reach the bar? Questions that are labelled in different ways bound every answerer.

Repeated questions bound it whatever the task is. Near-identical ones, the same but for words too rare to be learnt from, bound it
where the answer is one of a set, a linear model learns something, and it does not do better than the bound. Beside that: the share
of wrong labels by confident learning, and a stronger base, where `probes: {ceiling: {base: ...}}` names one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.climb.diagnosis.case import CLAIM_LEVEL, Arm, Case, Evidence
from rung.engine.linear import question_text
from rung.parts import Span
from rung.rungs.asks import Ask, Working
from rung.rungs.causes import LABELS
from rung.rungs.linear_fit import out_of_fold, seconds_of
from rung.types import Example, Task
from rung.verify.scoring import scorer_of, target_text
from rung.verify.stats.ceiling import ceiling, noise_share

TITLE = "what the labels allow"
CAUSE = LABELS
# Words that stand in fewer rows cannot be learnt from them: as many rows as the linear rung wants of a class.
FEWEST_ROWS_OF_A_WORD = 3
SIGNAL_LEVEL = 0.05
_WORD = re.compile(r"\w+|[^\w\s]")


class Config(BaseModel):
    """`base`: a stronger model to hold against the labels, in any form that the task's own `base` may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str | None = Field(default=None, min_length=1)


def applies(task: Task) -> str:
    """Needs targets."""
    return "" if any(row.target is not None for row in _rows(task)) else "no row has a target"


def probe(case: Case, config: Config) -> Evidence:
    """The bound from repeats and twins, the share of noise, and the stronger base."""
    rows = _rows(case.task)
    repeats, twins = _repeats(case.task, rows), _twins(case.task, rows)
    facts: dict[str, Any] = {"repeated": repeats.facts(), "near_identical": twins.facts()}
    said = [*repeats.said("Repeated"), *twins.said("Near-identical")]
    told = [repeats]
    out_of_fold = _out_of_fold(case.task, rows)
    if out_of_fold and out_of_fold.learns:
        facts["noise_share"] = out_of_fold.noise
        facts["linear_out_of_fold"] = out_of_fold.accuracy
        said.append(f"Labels that look wrong to a linear model that has not seen them: {out_of_fold.noise:.1%}.")
        if twins.labels and out_of_fold.accuracy_lower <= twins.estimate:
            told.append(twins)
    arms = (_stronger(case, config.base),) if config.base else ()
    most, likely = (min(values) for values in zip(*[(pairs.bound(CLAIM_LEVEL / 2), pairs.estimate) for pairs in told], strict=True))
    return Evidence(arms=arms, facts=facts, said=tuple(said), ceiling=most, likely_ceiling=likely)


def foresee(case: Case, config: Config) -> list[Ask]:
    """The linear model that has not seen the rows: a fit to two thirds of them, three times."""
    return [Working(what="labels that look wrong", seconds=Span.of(seconds_of(case.task, _rows(case.task), 2.0)))]


@dataclass(frozen=True, kw_only=True)
class _Question:
    """Disjoint pairs of its labels, how many of them agree, and how many rows ask it."""

    agreeing: int
    pairs: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Questions with more than one label. `covered` is the share of dev that has a twin, `labels` how many there are."""

    questions: tuple[_Question, ...]
    covered: float
    labels: int | None

    @property
    def pairs(self) -> int:
        return sum(question.pairs for question in self.questions)

    @property
    def agreeing(self) -> int:
        return sum(question.agreeing for question in self.questions)

    @property
    def estimate(self) -> float:
        return self._ends(0.5)[0]

    def bound(self, level: float) -> float:
        return self._ends(level)[1]

    def _ends(self, level: float) -> tuple[float, float]:
        shares = [question.agreeing / question.pairs for question in self.questions]
        return ceiling(shares, [question.rows for question in self.questions], self.labels, self.covered, level)

    def facts(self) -> dict[str, Any]:
        return {"pairs": self.pairs, "agreeing": self.agreeing, "covered": self.covered, "ceiling": self.estimate}

    def said(self, which: str) -> list[str]:
        """The same in words; nothing where there is no pair."""
        pairs = f"{self.pairs:,} pair{'' if self.pairs == 1 else 's'}"
        sentence = f"{which} questions agree in {self.agreeing:,} of {pairs}: about {self.estimate:.1%} can be right."
        return [sentence] if self.pairs else []


@dataclass(frozen=True, kw_only=True)
class _OutOfFold:
    """The linear model on rows that it has not seen: `learns` says whether it beats naming the most frequent label."""

    noise: float
    accuracy: float
    accuracy_lower: float
    learns: bool


def _rows(task: Task) -> list[Example]:
    """Rows that may be looked at: never those of the test split."""
    return [row for row in (*task.split("train"), *task.split("dev")) if row.target is not None]


def _labels(task: Task) -> int | None:
    closed = scorer_of(task).closed_set(task.split("train"))
    return len(closed) if closed else None


def _repeats(task: Task, rows: Sequence[Example]) -> _Pairs:
    """Rows that were asked more than once; what they were answered with the other times is kept beside them."""
    groups = [[row, *(replace(row, target=target) for target in row.repeats)] for row in rows]
    dev = [row for row in rows if row.split == "dev"]
    covered = sum(bool(row.repeats) for row in dev) / max(1, len(dev))
    return _paired(task, [(group, 1) for group in groups], covered)


def _twins(task: Task, rows: Sequence[Example]) -> _Pairs:
    """Rows whose questions are the same but for rare words, the rare ones being in the same places."""
    asked = [_WORD.findall(question_text(row).casefold()) for row in rows]
    seen = Counter(word for words in asked for word in set(words))
    groups: dict[tuple[str, ...], list[Example]] = defaultdict(list)
    for row, words in zip(rows, asked, strict=True):
        groups[tuple(word if seen[word] >= FEWEST_ROWS_OF_A_WORD else "" for word in words)].append(row)
    told = [group for key, group in groups.items() if any(key)]
    twinned = {row.id for group in told if len(group) > 1 for row in group}
    dev = [row for row in rows if row.split == "dev"]
    return _paired(task, [(group, len(group)) for group in told], sum(row.id in twinned for row in dev) / max(1, len(dev)))


def _paired(task: Task, asked: Sequence[tuple[Sequence[Example], int]], covered: float) -> _Pairs:
    """The labels of each question, and how many rows ask it, in pairs.

    A pair that the scorer cannot judge is left out: it would stand against labels that contradict nothing.
    """
    scorer, questions = scorer_of(task), []
    for labelled, rows in asked:
        pairs = zip(labelled[::2], labelled[1::2], strict=False)
        scores = [scorer.score(one, target_text(task, other)).value for one, other in pairs]
        known = [score for score in scores if score is not None]
        if known:
            questions.append(_Question(agreeing=sum(score >= 1.0 for score in known), pairs=len(known), rows=rows))
    return _Pairs(questions=tuple(questions), covered=covered, labels=_labels(task))


def _out_of_fold(task: Task, rows: Sequence[Example]) -> _OutOfFold | None:
    """None where no linear model applies."""
    from rung.verify.stats.bounds import clopper_pearson

    found = out_of_fold(task, rows)
    if found is None:
        return None
    _, probabilities, given = found
    right, n = int((probabilities.argmax(axis=1) == given).sum()), len(given)
    lower = clopper_pearson(right, n, SIGNAL_LEVEL)[0]
    most_frequent = max(Counter(given.tolist()).values()) / n
    return _OutOfFold(
        noise=noise_share(probabilities, given), accuracy=right / n, accuracy_lower=lower, learns=lower > most_frequent
    )


def _stronger(case: Case, base: str) -> Arm:
    """The best form so far on another base. It only reports: what it gets right shows that the labels are not to blame."""
    backend = case.context.runtime.backend_for(base)
    form = replace(case.best, base=backend.reference, template=backend.template, adapters=(), calibration=None)
    return replace(case.arm("a stronger base", form), candidate=None, shows=False)
