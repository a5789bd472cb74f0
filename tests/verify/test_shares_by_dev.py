"""What dev says of the gate: careful where it knows little, and early ends that cost no right pass."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bar_rows import CHOICE, answered, examples_of, task_of

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from climb_worlds import NULLS, WORLDS, climbs, gate

from rung.types import Answer, Bar, Row, Task
from rung.verify.alpha import weight
from rung.verify.foresight import STEPS, Foresight, foresee, line_before, of_shares
from rung.verify.stats.boundaries import LOOK_EVERY, looks
from rung.verify.stats.gate import Claim, look


def of(right: int, rows: int, line: float = 0.8, groups: Sequence[str] = ()) -> Foresight:
    return of_shares([float(row < right) for row in range(rows)], groups or [""] * rows, line)


def test_five_rows_are_no_certainty() -> None:
    right, wrong = of(5, 5), of(0, 5)
    assert not right.hopeless and 0.3 < right.chance(0.01, 600) < 0.9
    assert wrong.hopeless and wrong.chance(0.01, 600) == 0
    assert not of(2, 5).hopeless, "two of five leave a bar of 80% open"


def test_a_chance_grows_with_alpha_with_the_test_split_and_with_what_dev_shows() -> None:
    assert of(168, 200).chance(0.001, 600) < of(168, 200).chance(0.01, 600) < of(168, 200).chance(0.01, 6000)
    chances = [of(right, 200).chance(0.01, 600) for right in (150, 165, 175, 190, 200)]
    assert chances == sorted(chances) and chances[0] < 0.05 and chances[-1] > 0.99


def test_missing_rows_count_both_ways() -> None:
    some: list[float | None] = [1.0] * 120 + [0.0] * 40 + [None] * 40
    found = of_shares(some, [""] * 200, 0.8)
    assert found.missing == 40 and not found.hopeless, "with all of them right it holds the bar"
    assert found.mean == pytest.approx(0.6, abs=0.01) and found.chance(0.01, 600) < 0.01
    none = of_shares([None] * 50, [""] * 50, 0.8)
    assert not none.hopeless and none.chance(0.01, 600) < 0.01


def test_rows_of_one_cluster_say_next_to_nothing() -> None:
    for right in (0, 150, 200):
        together = of(right, 200, groups=["a"] * 200)
        assert not together.hopeless and 0.001 < together.chance(0.01, 600) < 0.9
    assert of(100, 200, groups=[f"g{row // 4}" for row in range(200)]).hopeless


@pytest.mark.parametrize("right", [0, 1, 47, 48])
@pytest.mark.parametrize("alpha", [1e-12, 1e-6, 0.4])
@pytest.mark.parametrize("total", [1, 24, 5000])
def test_figures_stay_figures_at_every_edge(right: int, alpha: float, total: int) -> None:
    """All right, all wrong, one of them, next to no alpha, one test row."""
    for line in (0.001, 0.5, 0.999):
        found = of(right, 48, line)
        assert 0 < found.mean < 1 and 0 < found.upper <= 1 and found.variance > 0
        assert 0 <= found.chance(alpha, total) <= 1
        assert found.gives_up(alpha, total, 0.0, total - 1) in (False, True)


def test_partial_credit_is_a_mean_like_any_other() -> None:
    draw = np.random.default_rng(4)
    low, high = (of_shares([float(v) for v in draw.beta(8 * m, 8 * (1 - m), 200)], [""] * 200, 0.7) for m in (0.5, 0.9))
    assert low.hopeless and high.chance(0.01, 300) > 0.9
    assert high.variance < 0.1, "scores in between say more than right and wrong do"


DEV = {"at 76% of a bar of 83%": (152, 200, 0.83), "far below": (90, 200, 0.8)}


@pytest.mark.parametrize("kind", DEV)
def test_what_dev_leaves_no_hope_ends_at_one_or_two_looks(kind: str) -> None:
    """1,500 test rows like dev; four in five end within two looks, and nearly all within four."""
    right, rows, bar = DEV[kind]
    foresight, draw = of(right, rows, bar), np.random.default_rng(2)
    assert foresight.hopeless
    ended = [gate(draw.random(1500) < right / rows, 0.00075, bar, foresight) for _ in range(200)]
    early = 2 * LOOK_EVERY if kind == "at 76% of a bar of 83%" else 4 * LOOK_EVERY
    assert sum(one.rows <= early for one in ended) >= 160
    assert max(one.rows for one in ended) <= 16 * LOOK_EVERY
    fails = sum(one.status == "fail" for one in ended)
    assert fails >= 180 if kind == "far below" else fails == 0, "a fail that is clear is still found"


def test_without_dev_it_took_long() -> None:
    draw = np.random.default_rng(2)
    rows = [gate(draw.random(1500) < 0.76, 0.00075, 0.83, None).rows for _ in range(50)]
    assert np.mean(rows) >= 350


def test_rows_that_hold_the_bar_by_themselves_go_on() -> None:
    """Dev was not like test."""
    hopeless = of(146, 200)
    assert hopeless.hopeless
    assert hopeless.gives_up(0.001, 600, 18, 24) and not hopeless.gives_up(0.001, 600, 20, 24)
    draw = np.random.default_rng(3)
    passed = [gate(draw.random(600) < 0.92, 0.00075, 0.8, hopeless).status for _ in range(200)]
    assert passed.count("pass") >= 150
    assert not hopeless.gives_up(0.001, 600, 0, 600), "all rows are in: the gate has its verdict"


@pytest.mark.parametrize("truth", [0.78, 0.8, 0.84, 0.9])
def test_the_simulated_gate_is_the_gate(truth: float) -> None:
    draw, bar, alpha = np.random.default_rng(8), 0.8, 0.01
    for _ in range(8):
        scores = draw.random(200) < truth
        found = gate(scores, alpha, bar, None)
        for n in looks(200):
            verdict = look([float(score) for score in scores[:n]], Claim(groups=[""] * 200, bar=bar, alpha=alpha))
            if verdict is not None:
                assert (found.status, found.rows) == (verdict.status, n)
                break


@pytest.mark.parametrize("world", [NULLS[0], NULLS[5], NULLS[8], NULLS[10]], ids=lambda world: world.name)
def test_climbs_pass_wrongly_at_most_at_their_alpha(world: object) -> None:
    """A few; thousands are benchmarks/climb_worlds.py."""
    small, number = replace(world, test=200, dev=60), 120  # type: ignore[type-var]
    wrong = sum(any(ended.wrong for ended in home) for home in climbs(small, number, 5, by_dev=True))
    allowed = 0.05 * sum(weight(k) for k in range(1, small.again + 1))  # type: ignore[attr-defined]
    assert wrong <= number * allowed + 3 * (number * allowed) ** 0.5


def test_hopeless_rungs_leave_their_alpha_to_the_one_that_is_not() -> None:
    world = replace(WORLDS[2], gaps=(-0.1, -0.1, -0.1, 0.05), test=400, dev=200)
    before, now = ([home[0] for home in climbs(world, 80, 3, by_dev=by_dev)] for by_dev in (False, True))
    assert sum(end.passed == 3 for end in now) >= sum(end.passed == 3 for end in before) + 8
    assert sum(end.gate for end in now) <= 0.75 * sum(end.gate for end in before)


TARGETS = random.Random(5).choices(["spam", "ham"], [1, 2], k=500)


def seen(quality: Bar, right: float, **rest: object) -> tuple[Foresight | None, list[int]]:
    """What dev says where so many answers are right, and how many rows were asked for."""
    draw, asked = random.Random(6), list[int]()
    task = task_of(examples_of(TARGETS), quality, **rest)
    said = [row if draw.random() < right else {"spam": "ham", "ham": "spam"}[row] for row in TARGETS]
    rows = answered(task, said)

    def first(n: int) -> Sequence[Row]:
        asked.append(n)
        return rows[:n]

    return foresee(task, task.split("test"), first), asked


def test_no_more_is_asked_than_tells_enough() -> None:
    bar = Bar(**CHOICE, at_least=0.8)
    assert seen(bar, 0.97)[1] == [48] and seen(bar, 0.3)[1] == [48]
    assert seen(bar, 0.82)[1] in ([48, 100, 200], [48, 100, 200, 400]) and seen(bar, 0.77)[1][-1] >= 100
    assert set(seen(bar, 0.8)[1]) <= set(STEPS)


BARS = {
    "a mean": Bar(**CHOICE, at_least=0.8),
    "recall": Bar(**CHOICE, at_least=0.8, metric="recall", of="spam"),
    "precision": Bar(**CHOICE, at_least=0.8, metric="precision", of="spam"),
    "F1": Bar(**CHOICE, at_least=0.8, metric="f1", of="spam"),
    "a slice": Bar(**CHOICE, at_least=0.8, where={"target": "spam"}),
    "a cost": Bar(**CHOICE, at_most=0.2, cost={"spam->ham": 1.0, "ham->spam": 1.0}),
    "an upper bar": Bar(**CHOICE, at_most=0.9, where={"answer": "spam"}),
}


@pytest.mark.parametrize("kind", list(BARS)[:-1])
def test_every_bar_that_comes_down_to_a_mean_is_foreseen(kind: str) -> None:
    good, _ = seen(BARS[kind], 0.99)
    bad, _ = seen(BARS[kind], 0.35)
    assert good is not None and bad is not None
    assert good.chance(0.01, 400) > 0.5 and bad.chance(0.01, 400) < 0.01
    assert bad.hopeless and not good.hopeless


@pytest.mark.parametrize(
    "quality",
    [
        Bar(**CHOICE, at_least=0.8, metric="macro_f1"),
        Bar(**CHOICE, better_than="r0_linear", by=0.02),
        Bar(**CHOICE, at_least=0.0),
        Bar(**CHOICE, at_least=1.0),
    ],
)
def test_where_no_line_stands_nothing_is_asked(quality: Bar) -> None:
    assert seen(quality, 0.9) == (None, [])


def test_nothing_is_asked_for_equal_shares() -> None:
    assert seen(Bar(**CHOICE, at_least=0.8), 0.9, alpha_shares="equal") == (None, [])


def test_a_bar_that_is_about_no_row_of_dev_is_not_foreseen() -> None:
    task = task_of(examples_of(["ham"] * 100), Bar(**CHOICE, at_least=0.8, where={"target": "spam"}))
    assert line_before(task) is not None
    assert foresee(task, task.split("test"), lambda n: answered(task, ["ham"] * n)) is None


def test_a_dev_without_rows_says_nothing() -> None:
    assert foresee(task_of((), Bar(**CHOICE, at_least=0.8)), (), lambda _: ()) is None


def test_answers_that_are_none_leave_it_open() -> None:
    task: Task = task_of(examples_of(["ham"] * 60), Bar(**CHOICE, at_least=0.8))
    rows = answered(task, [Answer(text="", finish_reason="error")] * 60)
    found = foresee(task, task.split("test"), lambda n: rows[:n])
    assert found is not None and found.missing == 60 and not found.hopeless


def test_a_task_that_says_nothing_of_shares_keeps_its_digest() -> None:
    task = task_of(examples_of(["ham"]), Bar(**CHOICE, at_least=0.8))
    assert replace(task, alpha_shares="dev").digest == task.digest != replace(task, alpha_shares="equal").digest
