from dataclasses import replace

import numpy as np
import pytest

from rung.types import Answer
from rung.verify.stats.breakeven import Cost, Measured, Traffic, break_even, cost_of, unit_of

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 4.0}
TRAFFIC = Traffic(answers_per_month=100_000, machine_usd_per_hour=0.36, label_usd=0.5)


def measured(name, *answers, remote=False, labels=0, making_s=0.0, asked=0):
    return Measured(name=name, answers=answers, remote=remote, labels=labels, making_s=making_s, asked=asked)


def own(name, seconds, n=50, spread=0.0, **more):
    times = seconds + spread * np.random.default_rng(0).normal(size=n)
    return measured(name, *(Answer(text="", latency_s=float(time)) for time in times), **more)


def cost(name, once, *each, unit="usd"):
    return Cost(name=name, unit=unit, once=once, each=each)


def test_own_machine_in_dollars_by_hand():
    prompt = cost_of(own("prompt", 0.5, making_s=100), "usd", {}, TRAFFIC)
    adapter = cost_of(own("adapter", 0.1, making_s=700, labels=1000), "usd", {}, TRAFFIC)
    assert prompt.per_answer == pytest.approx(0.5 * 1e-4) and prompt.once == pytest.approx(0.01)
    assert adapter.once == pytest.approx(500 + 0.07)
    found = break_even(prompt, adapter, TRAFFIC)
    assert found.outcome == "after" and (found.cheaper, found.dearer) == ("prompt", "adapter")
    assert found.answers == pytest.approx(500.06 / 0.4e-4)
    assert found.months == pytest.approx(500.06 / 0.4e-4 / 100_000)
    assert found.lower == pytest.approx(found.answers) == pytest.approx(found.upper)
    assert break_even(adapter, prompt, TRAFFIC) == found


def test_without_prices_everything_is_in_seconds():
    rungs = [own("prompt", 0.5, making_s=100, labels=9), own("adapter", 0.1, making_s=700, labels=1000)]
    assert unit_of(rungs, Traffic()) == "seconds"
    a, b = (cost_of(one, "seconds", {}, Traffic(label_usd=0.5)) for one in rungs)
    found = break_even(a, b, Traffic())
    assert found.answers == pytest.approx(600 / 0.4) and found.months is None and found.unit == "seconds"
    assert "months" not in found.sentence and "$" not in found.sentence


def test_a_server_by_tokens_cached_ones_at_their_price():
    said = Answer(text="", prompt_tokens=1000, cached_tokens=600, completion_tokens=50, latency_s=3.0)
    rung = measured("prompt", said, said, remote=True, asked=10)
    assert unit_of([rung], Traffic()) == "usd"
    full = cost_of(rung, "usd", PRICES, Traffic())
    assert full.per_answer == pytest.approx(1200e-6) and full.once == pytest.approx(10 * 1200e-6)
    cached = cost_of(rung, "usd", PRICES | {"cached_input_usd_per_million": 0.1}, Traffic())
    assert cached.per_answer == pytest.approx((400 + 60 + 200) * 1e-6)


def test_prefix_caching_can_take_the_case_for_training_away():
    long = Answer(text="", prompt_tokens=2000, cached_tokens=1900, completion_tokens=10)
    short = Answer(text="", prompt_tokens=300, cached_tokens=0, completion_tokens=10)
    a, b = measured("demos", long, remote=True), measured("tuned", short, remote=True, labels=1000)

    def between(prices):
        return break_even(*(cost_of(one, "usd", prices, TRAFFIC) for one in (a, b)), TRAFFIC)

    assert between(PRICES).outcome == "after"
    assert between(PRICES | {"cached_input_usd_per_million": 0.05}).outcome == "never"


def test_what_no_price_is_given_for_is_unknown_and_not_nothing():
    linear = cost_of(own("linear", 0.001, making_s=2), "usd", PRICES, Traffic())
    server = cost_of(
        measured("prompt", Answer(text="", prompt_tokens=10, completion_tokens=1), remote=True), "usd", PRICES, Traffic()
    )
    assert linear.per_answer is None
    found = break_even(linear, server, Traffic())
    assert found.outcome == "unknown" and found.answers is None
    assert "linear: traffic.machine_usd_per_hour is not given" in found.sentence
    for answers in ((Answer(text=""),), (Answer(text="", latency_s=1.0), Answer(text=""))):
        assert "seconds of its answers are not known" in cost_of(measured("r", *answers), "seconds", {}, Traffic()).unknown
    assert "do not say" in cost_of(measured("r", Answer(text=""), remote=True), "usd", PRICES, TRAFFIC).unknown


def test_never_and_at_once():
    never = break_even(cost("a", 1.0, 0.1, 0.1), cost("b", 9.0, 0.2, 0.2), TRAFFIC)
    assert never.outcome == "never" and never.answers is None and never.lower is None and "b never pays" in never.sentence
    same = break_even(cost("a", 1.0, 0.1, 0.1), cost("b", 9.0, 0.1, 0.1), TRAFFIC)
    assert same.outcome == "never"
    at_once = break_even(cost("a", 1.0, 0.2, 0.2), cost("b", 1.0, 0.1, 0.1), TRAFFIC)
    assert at_once.outcome == "at once" and at_once.answers == 0


def test_the_interval_comes_from_the_spread_of_the_answers():
    rng = np.random.default_rng(5)
    truth, held, runs = 100 / 0.2, 0, 200
    for seed in range(runs):
        a, b = rng.gamma(4, 0.1, 80), rng.gamma(4, 0.05, 80)
        found = break_even(cost("a", 0.0, *a), cost("b", 100.0, *b), TRAFFIC, seed=seed)
        held += found.lower <= truth <= (found.upper or np.inf)
    assert 0.72 <= held / runs <= 0.88
    unsure = break_even(cost("a", 0.0, 1.0, 0.1, 0.1, 0.1), cost("b", 1.0, 0.2, 0.2, 0.2, 0.2), TRAFFIC)
    assert unsure.outcome == "after" and unsure.upper is None and "to never" in unsure.sentence


def test_other_rows_are_no_pair():
    with pytest.raises(ValueError, match="same rows"):
        break_even(cost("a", 0.0, 1.0, 1.0), cost("b", 1.0, 0.5), TRAFFIC)


def test_the_interval_takes_groups_whole():
    rng = np.random.default_rng(6)
    each = np.repeat(rng.normal(1.0, 0.3, 20), 10).clip(0.1)
    cheaper, dearer = cost("a", 0.0, *each), cost("b", 100.0, *([0.1] * 200))
    groups = tuple(f"g{row // 10}" for row in range(200))
    alone = break_even(cheaper, dearer, TRAFFIC)
    grouped = break_even(replace(cheaper, groups=groups), replace(dearer, groups=groups), TRAFFIC)
    assert grouped.answers == alone.answers
    assert grouped.upper - grouped.lower > 2 * (alone.upper - alone.lower)
