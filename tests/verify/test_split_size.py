"""A gate too small for its bar is told beforehand, and by exactly the rule that the gate's own statistics follow."""

from __future__ import annotations

import pytest

from rung.types import Bar, Example, Task
from rung.verify.split_size import gate_problem
from rung.verify.stats.gate import Claim, judge
from rung.verify.stats.paired import look_paired


def task(rows: int, *, per_group: int = 1, guards: tuple[Bar, ...] = (), alpha: float = 0.05, **bar: object) -> Task:
    examples = tuple(
        Example(id=str(i), messages=({"role": "user", "content": str(i)},), target="a", group=str(i // per_group), split="test")
        for i in range(rows)
    )
    quality = Bar(scorer="exact", **bar)  # type: ignore[arg-type]
    return Task(name="t", base="b", instruction="", examples=examples, quality=quality, guards=guards, alpha=alpha)


@pytest.mark.parametrize(("bar", "rungs", "needed"), [(0.8, 1, 14), (0.8, 4, 20), (0.95, 4, 86), (0.5, 6, 7)])
def test_single_rows(bar: float, rungs: int, needed: int) -> None:
    assert gate_problem(task(needed, at_least=bar), rungs) is None
    problem = gate_problem(task(needed - 1, at_least=bar), rungs)
    assert problem is not None
    assert problem.startswith(
        f"the test split has {needed - 1} rows, and 'quality' needs at least {needed}: at least {bar:g} cannot be proven"
    )
    for rows, status in ((needed, "pass"), (needed - 1, "undecided")):
        groups = [str(i) for i in range(rows)]
        assert judge([1.0] * rows, Claim(groups=groups, bar=bar, alpha=0.05 / rungs)).status == status


def test_groups() -> None:
    problem = gate_problem(task(200, per_group=10, at_least=0.8), 4)
    assert problem is not None
    assert problem.startswith("the test split has 20 groups of rows, and 'quality' needs at least 21:")
    assert gate_problem(task(210, per_group=10, at_least=0.8), 4) is None


def test_comparisons() -> None:
    assert "needs at least 5" in (gate_problem(task(4, better_than="r0_linear"), 1) or "")
    assert gate_problem(task(5, better_than="r0_linear"), 1) is None
    assert "needs at least 160" in (gate_problem(task(159, not_worse_than="champion", margin=0.02), 1) or "")
    assert gate_problem(task(160, not_worse_than="champion", margin=0.02), 1) is None


def test_what_nothing_can_prove() -> None:
    assert gate_problem(task(10_000, at_least=1.0), 1) == "no number of rows can prove 'quality': at least 1"
    assert gate_problem(task(1, at_least=0.0), 1) is None


def test_guards() -> None:
    guard = Bar(scorer="exact", at_least=0.99, name="format")
    assert "'format' needs at least 299" in (gate_problem(task(100, at_least=0.8, guards=(guard,)), 1) or "")


@pytest.mark.parametrize(("delta", "needed", "ours", "theirs"), [(0.0, 5, 1.0, 0.0), (0.1, 6, 1.0, 0.0), (-0.02, 160, 1.0, 1.0)])
def test_comparisons_cannot_pass_with_fewer(delta: float, needed: int, ours: float, theirs: float) -> None:
    bar = {"better_than": "x", "by": delta} if delta >= 0 else {"not_worse_than": "x", "margin": -delta}
    assert gate_problem(task(needed, **bar), 1) is None
    assert gate_problem(task(needed - 1, **bar), 1) is not None
    for rows in (needed - 1, max(1, needed // 2)):
        verdict = look_paired([ours] * rows, [theirs] * rows, Claim(groups=[str(i) for i in range(rows)], bar=delta, alpha=0.05))
        assert verdict is not None
        assert verdict.status == "undecided"
