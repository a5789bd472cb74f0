"""Whole climbs of rungs at the bar, by the climb's own code; many of them, with the share that passes, are benchmarks/climbs.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scipy.stats import binom

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import climbs

from rung import plugins
from rung.climb.diagnosis.probe import probes
from rung.climb.ledger import standing_of
from rung.registry.home import open_home
from rung.rungs.base import ladder
from rung.task.load import load_task

NULL = climbs.Setting(rungs=3, rows=96, shared=0.0, winner=False)


@pytest.fixture
def installed() -> Iterator[None]:
    """The simulated ladder, and ours again afterwards."""
    names, load = plugins.names, plugins.load
    climbs.install(NULL.rungs)
    yield
    plugins.names, plugins.load = names, load
    ladder.cache_clear()
    probes.cache_clear()


def test_few_of_few_pass_wrongly(installed: None, tmp_path: Path) -> None:
    task, times = load_task(NULL.write(tmp_path / "task"), tmp_path), 12
    wrong = sum(climbs.climbed(task, tmp_path / f"home{n}", str(n), 1, NULL) for n in range(times))
    assert wrong <= binom.isf(0.001, times, 0.0375)


def test_climbs_on_one_split_are_numbered_and_charged(installed: None, tmp_path: Path) -> None:
    task, home = load_task(NULL.write(tmp_path / "task"), tmp_path), tmp_path / "home"
    climbs.climbed(task, home, "family", 4, NULL)
    with open_home(home) as opened:
        standing = standing_of(task, opened)
    assert (standing.climbs, standing.seen) == (4, NULL.rows)
    assert standing.spent == pytest.approx(0.05 * (1 - 1 / 16))
