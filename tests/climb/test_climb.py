"""A whole climb on the tiny model: every rung, resumed, repeated, replayed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy import write_toy

from rung.climb.climb import climb
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.documents import as_json
from rung.registry.home import open_home
from rung.task.load import load_task


def named(document, rung):
    return next(told for told in document["rungs"] if told["rung"] == rung)


def run(task_file: Path, home: Path, **options) -> dict:
    with open_home(home, write=True) as opened:
        return as_json(climb(load_task(task_file, opened.downloads), opened, progress=Silent(), **options))


def decided(document: dict) -> dict:
    """The document without what no two runs share: times."""
    keep = ("rung", "state", "candidate", "verdict", "guards", "dev", "trials", "artefact_bytes", "fixed", "broke")
    rungs = [{key: rung[key] for key in keep} for rung in document["rungs"]]
    return {"climb": document["climb"], "verdict": document["verdict"], "rungs": rungs, "cheaper": document["cheaper"]}


@pytest.fixture(scope="module")
def noisy(tiny_base, tmp_path_factory):
    """A climb that nothing can pass, so that every rung is tried."""
    folder = tmp_path_factory.mktemp("noisy")
    task_file = write_toy(folder / "task", tiny_base)
    return task_file, run(task_file, folder / "home"), folder / "home"


def test_every_rung_is_tried_and_none_passes(noisy):
    _, document, _ = noisy
    assert [rung["rung"] for rung in document["rungs"]] == [
        "r0_linear",
        "r1_prompt",
        "r2_retrieve",
        "r3_tools",
        "r4_adapter",
        "r5_full",
    ]
    assert document["verdict"]["status"] in ("fail", "undecided")
    assert document["verdict"]["winner"] is None
    assert named(document, "r2_retrieve")["state"] == "skipped"
    assert named(document, "r3_tools")["reason"] == "the task gives no tools (tools:)"
    for rung in (told for told in document["rungs"] if told["state"] != "skipped"):
        assert rung["verdict"]["upper"] < 1
        assert rung["verdict"]["lower"] <= rung["verdict"]["estimate"] <= rung["verdict"]["upper"]
        assert rung["dev"]["n"] == 40
        assert rung["artefact_bytes"] > 0


def test_a_tried_rung_keeps_its_numbers(noisy):
    _, document, _ = noisy
    prompt = document["rungs"][1]
    assert sum(trial["chosen"] for trial in prompt["trials"]) == 1
    assert named(document, "r4_adapter")["history"]
    assert json.loads(json.dumps(document)) == document


def test_what_a_rung_changed_is_counted_in_full(noisy):
    _, document, _ = noisy
    for rung in document["rungs"]:
        for kind in ("fixed", "broke"):
            assert len(rung[kind]) == min(rung[f"{kind}_total"], 8)
    assert any(rung["fixed_total"] for rung in document["rungs"])


def test_a_second_climb_does_nothing_again(noisy):
    task_file, document, home = noisy
    again = run(task_file, home)
    assert decided(again) == decided(document)
    assert again["seconds"] == document["seconds"]


def test_the_same_seed_gives_the_same_candidates_and_verdicts(noisy, tmp_path):
    task_file, document, _ = noisy
    assert decided(run(task_file, tmp_path / "home")) == decided(document)


def test_a_clean_task_passes_at_the_linear_rung_and_is_registered(tiny_base, tmp_path):
    task_file = write_toy(tmp_path / "task", tiny_base, noise=0.0, at_least=0.75)
    document = run(task_file, tmp_path / "home")
    assert document["verdict"]["rung"] == "r0_linear"
    assert document["version"] == "toy@1"
    assert [rung["state"] for rung in document["rungs"]] == ["passed", "not_tried", "skipped", "skipped", "not_tried", "not_tried"]
    with open_home(tmp_path / "home") as home:
        assert home.candidates.get("toy").rung == "r0_linear"


def test_all_measures_what_the_climb_left_out(tiny_base, tmp_path):
    settings = {
        "r0_linear": {},
        "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
        "r4_adapter": {"skip": True},
        "r5_full": {"skip": True},
    }
    task_file = write_toy(tmp_path / "task", tiny_base, noise=0.0, at_least=0.75, rungs=settings)
    first = run(task_file, tmp_path / "home")
    every = run(task_file, tmp_path / "home", every_rung=True)
    assert every["climb"] == first["climb"]
    assert every["rungs"][1]["verdict"] is not None
    assert every["verdict"]["rung"] == "r0_linear"
    assert every["version"] == first["version"] == "toy@1"
    assert named(every, "r4_adapter")["state"] == "skipped"
    assert named(every, "r4_adapter")["reason"] == "the task file skips it"


def test_a_relative_bar_compares_with_its_baseline(tiny_base, tmp_path):
    quality = {"scorer": "choice", "better_than": "r1_prompt", "by": 0.05}
    settings = {
        "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
        "r4_adapter": {"skip": True},
        "r5_full": {"skip": True},
    }
    task_file = write_toy(tmp_path / "task", tiny_base, noise=0.0, quality=quality, rungs=settings)
    document = run(task_file, tmp_path / "home")
    assert document["verdict"]["rung"] == "r0_linear"
    assert document["rungs"][0]["verdict"]["lower"] >= 0.05


def test_a_gate_too_small_for_its_bar_says_how_many_rows_it_needs(tiny_base, tmp_path):
    task_file = write_toy(tmp_path / "task", tiny_base, at_least=0.99)
    with pytest.raises(UserError, match=r"needs .*rows|at least \d+"):
        run(task_file, tmp_path / "home")


def test_unknown_rung_settings_are_refused(tiny_base, tmp_path):
    task_file = write_toy(tmp_path / "task", tiny_base, rungs={"r4_adaptor": {}})
    with pytest.raises(UserError, match="Did you mean 'r4_adapter'"):
        run(task_file, tmp_path / "home")
    task_file = write_toy(tmp_path / "task", tiny_base, rungs={"r0_linear": {"skip": True}, "r1_prompt": {"demonstration": [2]}})
    with pytest.raises(UserError, match="Did you mean 'demonstrations'"):
        run(task_file, tmp_path / "home2")
