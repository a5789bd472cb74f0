"""Stakes on two arms are held to their alpha, find what is worse, and do not care how the answers came in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rung.verify.stats.arms import Arms, Drawn, Line, more_needed, standing
from rung.verify.stats.promised import NEARLY_CERTAIN, SURE, Setting, hardest_mean, promised

HARM = 0.05
LINE = Line(harm=HARM, aim=-HARM)


def played(samples: int, asked: int, share: float, champion: float, candidate: float, seed: int = 0) -> Arms:
    """Many rollouts side by side, of independent answers that are right or wrong."""
    rng, arms = np.random.default_rng(seed), Arms(LINE, (samples,))
    for _ in range(asked // 20):
        mine = rng.random((samples, 20)) < share
        right = rng.random((samples, 20)) < np.where(mine, candidate, champion)
        arms.add(mine, right, np.full(mine.shape, share))
    return arms


def crossed(stake: Any, alpha: float) -> float:
    return float((stake.peak >= math.log(1 / alpha)).mean())


@pytest.mark.parametrize(("share", "champion"), [(0.05, 0.9), (0.5, 0.6), (0.2, 0.99)])
def test_at_the_harm_itself_neither_stake_wins_more_often_than_alpha(share: float, champion: float) -> None:
    arms = played(400, 1500, share, champion, champion - HARM)
    for stake in (arms.harm, arms.aim):
        assert crossed(stake, 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
        # No strategy makes money on average, whatever it guesses.
        assert np.exp(stake.now).mean() < 1.6


def test_a_candidate_that_is_much_worse_is_found_and_one_as_good_is_shown_to_be() -> None:
    worse = played(200, 1500, 0.2, 0.85, 0.65)
    assert crossed(worse.harm, 0.01) > 0.9 and crossed(worse.aim, 0.01) < 0.02
    good = played(200, 6000, 0.3, 0.9, 0.92)
    assert crossed(good.aim, 0.01) > 0.8 and crossed(good.harm, 0.01) == 0


def test_an_arm_that_never_answers_is_found_after_a_few_of_its_requests() -> None:
    arms, asked = Arms(LINE), 0
    rng = np.random.default_rng(3)
    failed = 0
    while float(arms.harm.peak) < math.log(100):
        mine = bool(rng.random() < 0.05)
        arms.add([mine], [0.0 if mine else 1.0], [0.05])
        asked, failed = asked + 1, failed + mine
    assert failed <= 8


def test_what_comes_in_at_one_go_counts_as_what_comes_one_by_one() -> None:
    rng = np.random.default_rng(5)
    mine, scores = rng.random(60) < 0.3, rng.random(60)
    chances = np.full(60, 0.3)
    whole, single = Arms(LINE), Arms(LINE)
    whole.add(mine, scores, chances)
    for place in range(60):
        single.add(mine[place : place + 1], scores[place : place + 1], chances[place : place + 1])
    one, other = standing(whole), standing(single)
    assert one.n == other.n and one.means == pytest.approx(other.means)
    assert (one.harm, one.aim) == pytest.approx((other.harm, other.aim))
    whole.add_pairs(scores[:10], scores[10:20])
    for place in range(10):
        single.add_pairs(scores[place : place + 1], scores[place + 10 : place + 11])
    assert standing(whole).harm == pytest.approx(standing(single).harm)


def test_pairs_are_held_to_alpha_and_need_fewer_questions() -> None:
    rng = np.random.default_rng(1)
    level, worse = Arms(LINE, (400,)), Arms(LINE, (400,))
    for _ in range(40):
        right, luck = rng.random((400, 20)) < 0.9, rng.random((400, 20))
        level.add_pairs(right & (luck > HARM / 0.9), right)
        worse.add_pairs(right & (luck > 0.2 / 0.9), right)
    assert crossed(level.harm, 0.05) <= 0.08 and crossed(level.aim, 0.05) <= 0.08
    assert crossed(worse.harm, 0.01) > 0.95


def test_who_asks_again_counts_by_what_is_not_known_of_their_draw() -> None:
    drawn = Drawn()
    assert drawn.chance("anna", 0.05) == 0.05
    drawn.learn("anna", 0.05, candidate=False)
    assert drawn.chance("anna", 0.05) is None, "her arm is known: nothing is drawn any more"
    assert drawn.chance("anna", 0.25) == pytest.approx(0.20 / 0.95)
    drawn.learn("anna", 0.25, candidate=True)
    assert drawn.chance("anna", 0.25) is None and drawn.chance("anna", 0.5) is None
    # What she says late of an answer of the first step tells nothing of the draw that is not known.
    assert drawn.chance("anna", 0.05) is None
    assert drawn.chance("anna", 0.10) == pytest.approx(0.05 / 0.20)


def test_nobody_who_was_in_the_candidates_arm_at_a_small_share_counts_again_at_a_larger() -> None:
    """Units at two nested shares, each counted by the chance that is left: held to alpha as if they were new ones."""
    rng, won, samples = np.random.default_rng(9), 0, 150
    for _ in range(samples):
        arms, drawn = Arms(LINE), Drawn()
        places, tastes = rng.random(200), rng.uniform(0.5, 1.0, 200)
        rows: list[tuple[bool, float, float]] = []
        for share in (0.1, 0.4):
            for unit, (place, taste) in enumerate(zip(places, tastes, strict=True)):
                chance = drawn.chance(str(unit), share)
                if chance is not None:
                    mine = bool(place < share)
                    drawn.learn(str(unit), share, candidate=mine)
                    rows.append((mine, float(rng.random() < taste - HARM * mine), chance))
        arms.add(*[[row[column] for row in rows] for column in range(3)])
        won += float(arms.harm.peak) >= math.log(1 / 0.05)
    assert won / samples <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / samples)


def test_what_is_promised_grows_with_certainty_and_falls_with_the_share_and_the_fault() -> None:
    def within(worse: float, share: float, sure: float = SURE) -> int:
        setting = Setting(worse=worse, mean=hardest_mean(worse), share=share, harm=HARM, level=0.005)
        found = promised(setting, sure)
        assert found is not None
        return found

    assert within(0.2, 0.25) < within(0.2, 0.25, NEARLY_CERTAIN)
    assert within(0.4, 0.25) < within(0.2, 0.25) < within(0.2, 0.15)
    # Of small shares the candidate's own answers are what is waited for.
    assert within(0.4, 0.001) == pytest.approx(50 * within(0.4, 0.05), rel=0.01)
    assert promised(Setting(worse=0.05, mean=0.9, share=0.05, harm=HARM, level=0.01)) is None


def test_how_many_more_are_needed_is_told_where_any_number_would_do() -> None:
    arms = Arms(LINE)
    assert more_needed(arms, 0.01, 0.5) is None, "nothing is known yet"
    rng = np.random.default_rng(2)
    mine = rng.random(400) < 0.5
    arms.add(mine, rng.random(400) < 0.9, np.full(400, 0.5))
    needed = more_needed(arms, 0.01, 0.5)
    assert needed is not None and 100 < needed < 5000
    worse = Arms(LINE)
    worse.add(mine, rng.random(400) < np.where(mine, 0.5, 0.9), np.full(400, 0.5))
    assert more_needed(worse, 0.01, 0.5) is None
