"""Means from a sample that took one kind of row more densely; `tests/climb/test_causes.py` simulates the bounds."""

from __future__ import annotations

import pytest

from rung.verify.stats.bounds import clopper_pearson
from rung.verify.stats.strata import Strata


def drawn(groups: tuple[str, ...]) -> Strata:
    """40 of 200 rows: 20 of the 40 failing ones, 20 of the others."""
    inside = tuple(place % 5 == 0 for place in range(200))
    sampled = (True,) * 20 + (False,) * 20
    return Strata(inside=sampled, groups=("",) * 40, all_inside=inside, all_groups=groups)


def test_each_kind_is_weighted_back_to_its_share():
    sample = drawn(("",) * 200)
    assert (sample.first, sample.total, sample.whole) == (40, 200, False)
    assert sample.mean([1.0] * 20 + [0.0] * 20) == pytest.approx(0.2)


def test_a_third_of_the_level_goes_to_the_share():
    """With a first kind that is all right and a second that is all wrong, each bound is a corner of the three."""
    values, level = [1.0] * 20 + [0.0] * 20, 0.05
    share, (low, _) = clopper_pearson(40, 200, level / 3), clopper_pearson(20, 20, level / 3)
    assert drawn(("",) * 200).mean_bounds(values, level)[0] == pytest.approx(share[0] * low)


def test_rows_that_come_in_groups_tell_less_of_the_share():
    alone = drawn(("",) * 200)
    grouped = drawn(tuple(f"{place % 5}-{place // 40}" for place in range(200)))
    values = [1.0] * 20 + [0.0] * 20
    (low, high), (lower, higher) = alone.mean_bounds(values, 0.05), grouped.mean_bounds(values, 0.05)
    assert lower < low and high < higher
