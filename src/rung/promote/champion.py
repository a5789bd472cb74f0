"""A version against today's champion: row by row, on the locked rows that both have answered; nothing is asked anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import RungError
from rung.json_form import digest
from rung.promote.conditions import Asked, Condition
from rung.types import Bar, Candidate, Row, Task

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.receipts import Receipt

# What a version may be worse by and still be called not worse, where that has to be shown: in shares of the rows.
MARGIN = 0.05
LoadTask = Callable[[str], Task | None]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One scorer's scores of both on the same `n` rows: the version less the champion, and whether that is shown to be so.

    worse       shown to be below the champion
    not_worse   shown to be at most MARGIN below it
    better      shown to be at least as good as it
    """

    name: str
    n: int
    difference: float
    worse: bool
    not_worse: bool
    better: bool

    @property
    def shown(self) -> str:
        """What is shown, in a word or two."""
        if self.worse:
            return "worse"
        return "at least as good" if self.better else f"not worse by {100 * MARGIN:.0f} points" if self.not_worse else "open"

    @property
    def said(self) -> str:
        """`quality +2.5 points on 120 rows: not worse`."""
        shown = "worse" if self.worse else f"not worse by {100 * MARGIN:.0f} points" if self.not_worse else "open"
        return f"{self.name} {100 * self.difference:+.1f} points on {self.n:,} rows: {shown}"


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Rows of the version and of the champion that are the same ones, in the order in which the gate looked; of `total` in all."""

    mine: tuple[Row, ...]
    theirs: tuple[Row, ...]
    total: int


def champion_condition(home: Home, wanted: Asked, champion: Candidate, load: LoadTask) -> Condition:
    """That the version is not worse than the champion: nothing shows it to be at low consequence, else it is shown not to be."""
    assert wanted.receipt is not None
    receipt = wanted.receipt.document
    strict = receipt.consequence != "low"
    name = "regression" if strict else "champion"
    if champion.id == wanted.candidate.id:
        return Condition(name=name, holds=True, said="it is the same candidate as the champion")
    pairs = pairs_of(home, receipt, champion, load)
    if not pairs.mine:
        hint = f"`rung eval TASK --candidate {receipt.name}@champion --split test` has it answer them."
        return Condition(
            name=name, holds=not strict, said="not compared: the champion has answered none of the same locked rows", hint=hint
        )
    found = compare(receipt, pairs)
    unscored = [bar.name for bar in receipt.bars if bar.name not in {one.name for one in found}]
    if unscored and (strict or not found):
        hint = f"`rung eval TASK --candidate {receipt.name}@champion --split test` scores it so."
        return Condition(name=name, holds=not strict, said=f"not compared: the champion has no {', '.join(unscored)}", hint=hint)
    said = "; ".join(one.said for one in found)
    if any(one.worse for one in found):
        return Condition(name=name, holds=False, said=said, hint="Keep the champion, or climb with what it gets right.")
    if strict and not all(one.not_worse for one in found):
        both = f"`rung eval TASK --candidate {receipt.ref} --split test` and the same of {receipt.name}@champion"
        hint = f"More locked rows that both have answered may decide it: {both}; or a larger test split."
        return Condition(name=name, holds=False, said=said, hint=hint)
    return Condition(name=name, holds=True, said=said)


def compare(receipt: Receipt, pairs: Pairs) -> list[Compared]:
    """Every bar's scores, paired; the chance that any of them is wrongly called worse, or not worse, is at most alpha."""
    return compare_on(receipt.bars, receipt.alpha, pairs)


def compare_on(bars: Sequence[Bar], alpha: float, pairs: Pairs) -> list[Compared]:
    """The same for those of the bars that all rows have a score of."""
    shared = [bar for bar in bars if _scored(bar, pairs.mine) and _scored(bar, pairs.theirs)]
    return [_compared(bar, pairs, alpha / len(shared)) for bar in shared]


def _scored(bar: Bar, rows: Sequence[Row]) -> bool:
    return all(bar.name in row.scores for row in rows)


def _compared(bar: Bar, pairs: Pairs, alpha: float) -> Compared:
    from rung.verify.stats.gate import Claim
    from rung.verify.stats.paired import look_paired

    mine, theirs = ([row.scores[bar.name].value for row in rows] for rows in (pairs.mine, pairs.theirs))
    if _less_is_better(bar):
        mine, theirs = theirs, mine
    # Rows that the gate did not come to: each one for itself, so that a stop before the end counts as one.
    groups = (*[row.group for row in pairs.mine], *[""] * (pairs.total - len(pairs.mine)))

    def status(line: float) -> str:
        verdict = look_paired(mine, theirs, Claim(groups=groups, bar=line, alpha=alpha, name=bar.name))
        return verdict.status if verdict else "open"

    both, even = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None], status(0.0)
    return Compared(
        name=bar.name,
        n=len(mine),
        difference=sum(a - b for a, b in both) / len(both) if both else 0.0,
        worse=even == "fail",
        not_worse=status(-MARGIN) == "pass",
        better=even == "pass",
    )


def _less_is_better(bar: Bar) -> bool:
    """Whether a bar keeps a mean score low; a cost or a metric at most so high is made of rows that are right or wrong."""
    return bar.at_most is not None and not (bar.cost or bar.metric)


def pairs_of(home: Home, receipt: Receipt, champion: Candidate, load: LoadTask) -> Pairs:
    """The locked rows that both have answered, as far as the home has the answers.

    Those of Runs on the same lock; else answers that the champion gave to the same rows under another, scored as this lock scores,
    where the task file is at hand as it was.
    """
    judged = home.runs.get(receipt.run)
    mine = {row.example: row for row in judged.rows}
    # Evaluations beside the gate's, behind its rows: in an order that says nothing of what was answered.
    beside = _on_lock(home, receipt, receipt.candidate)
    mine |= {name: beside[name] for name in sorted(beside, key=lambda name: digest([receipt.seed, name])) if name not in mine}
    theirs = _on_lock(home, receipt, champion.id) or _answered(home, receipt, champion, load)
    both = [(row, theirs[name]) for name, row in mine.items() if name in theirs]
    total = max(receipt.verdict.n_total, len(mine))
    return Pairs(mine=tuple(row for row, _ in both), theirs=tuple(row for _, row in both), total=total)


def _on_lock(home: Home, receipt: Receipt, candidate: str) -> Mapping[str, Row]:
    """A Candidate's (id) test rows on the lock of the receipt, by their ids."""
    records = [record for record in home.runs.records(candidate, receipt.task) if record.split == "test"]
    found: dict[str, Row] = {}
    for record in records:
        found |= {row.example: row for row in home.runs.get(record.id).rows}
    return found


def _answered(home: Home, receipt: Receipt, champion: Candidate, load: LoadTask) -> Mapping[str, Row]:
    from rung.engine.answer import known_answers
    from rung.verify.run import score_rows

    task = load(receipt.task)
    if task is None:
        return {}
    rows = task.split("test")
    answers = known_answers(champion, rows, home.answers)
    answered = [row for row in rows if row.digest in answers]
    if not answered:
        return {}
    try:
        scored = score_rows(task, answered, [answers[row.digest] for row in answered])
    except RungError:
        return {}
    return {row.example: row for row in scored}
