"""Bars that compare with a rung or with something registered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_climb import run
from toy import write_toy

from rung.errors import UserError

CHEAP = {
    "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
    "r4_adapter": {"skip": True},
    "r5_full": {"skip": True},
}


def test_a_guard_may_compare_with_a_rung_where_quality_does_not(tiny_base, tmp_path):
    guards = {"as_good": {"scorer": "exact", "not_worse_than": "r1_prompt", "margin": 0.1}}
    task_file = write_toy(tmp_path / "task", tiny_base, noise=0.0, at_least=0.75, guards=guards, rungs=CHEAP)
    document = run(task_file, tmp_path / "home")
    assert document["verdict"]["rung"] == "r0_linear"
    linear, prompt = document["rungs"][:2]
    assert [guard["status"] for guard in linear["guards"]] == ["pass"]
    assert linear["guards"][0]["lower"] >= -0.1
    assert prompt["dev"] is not None, "a baseline is built before anything is compared with it"


def test_bars_may_compare_with_different_things(tiny_base, tmp_path):
    first = write_toy(tmp_path / "first", tiny_base, noise=0.0, at_least=0.75, rungs=CHEAP)
    run(first, tmp_path / "home")
    second = write_toy(
        tmp_path / "second",
        tiny_base,
        noise=0.0,
        quality={"scorer": "choice", "better_than": "r1_prompt", "by": 0.05},
        guards={"as_good": {"scorer": "exact", "not_worse_than": "toy@1", "margin": 0.05}},
        rungs=CHEAP,
    )
    document = run(second, tmp_path / "home")
    assert (document["verdict"]["rung"], document["version"]) == ("r0_linear", "toy@2")
    assert document["rungs"][0]["guards"][0]["estimate"] == 0


@pytest.mark.parametrize(
    ("bar", "words"),
    [
        ({"better_than": "r1_promt", "by": 0.05}, r"task\.yaml:\d+: the bar compares with 'r1_promt', .*Did you mean 'r1_prompt'"),
        ({"not_worse_than": "champion", "margin": 0.05}, r"'champion', which is neither a rung nor registered"),
        ({"better_than": "r5_full"}, r"compares with r5_full, which this climb leaves out: the task file skips it"),
    ],
)
def test_a_baseline_that_is_not_there_is_told_before_anything_runs(tiny_base, tmp_path, bar, words):
    task_file = write_toy(tmp_path / "task", tiny_base, quality={"scorer": "choice", **bar}, rungs=CHEAP)
    with pytest.raises(UserError, match=words):
        run(task_file, tmp_path / "home")
    assert not (tmp_path / "home" / "blobs").exists()
