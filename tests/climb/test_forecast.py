"""Forecasts of a climb: r0's curve by itself, others on demand, resumed; break-even in the user's terms."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy import write_toy

from rung.cli.app import run
from rung.climb.climb import climb
from rung.climb.outlook import learning_curve as forecasts
from rung.climb.outlook.learning_curve import draw_curve, forecast
from rung.climb.steps import Climb, open_climb
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.documents import as_json
from rung.registry.home import open_home
from rung.task.load import load_task
from rung.verify.stats import gate

MODEL = """
def answer(request):
    asked = request["messages"][-1]["content"]
    text = "positive" if any(word in asked for word in ("great", "love", "thank", "works", "five")) else "negative"
    return {"text": text, "prompt_tokens": 20, "completion_tokens": 1, "latency_s": 0.5}
"""
RUNGS = {"r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}}
TRAFFIC = {"answers_per_month": 1000, "machine_usd_per_hour": 3.6, "label_usd": 0.5}


@pytest.fixture
def task_file(tmp_path: Path, home: Path) -> Path:
    """Answered by a script; 30% of the labels are turned round, so that nothing passes."""
    (tmp_path / "model.py").write_text(MODEL)
    return write(tmp_path)


def write(folder: Path, **extra: Any) -> Path:
    return write_toy(folder, Path(f"scripted:{folder / 'model.py'}#answer"), **{"rungs": RUNGS, "traffic": TRAFFIC, **extra})


def climbed(task_file: Path) -> dict[str, Any]:
    with open_home(write=True) as opened:
        return as_json(climb(load_task(task_file, opened.downloads), opened, progress=Silent()))


def test_a_climb_without_a_pass_forecasts_labels_and_break_even(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = climbed(task_file)
    assert document["verdict"]["status"] != "pass"
    (curve,) = document["forecast"]["curves"]
    assert curve["rung"] == "r0_linear" and curve["n"] == 40
    assert [point["rows"] for point in curve["points"]] == [10, 20, 40, 80]
    linear = document["rungs"][0]
    assert curve["points"][-1]["mean"] == pytest.approx(linear["dev"]["mean"])
    assert [one["rows"] for one in curve["ahead"]] == [160, 320]
    assert all(one["lower"] <= one["estimate"] <= one["upper"] for one in curve["ahead"])
    assert "bar of 90.0%" in curve["sentence"]
    assert json.loads(json.dumps(document)) == document

    costs = document["forecast"]["breakeven"]
    assert costs["unit"] == "usd"
    told = {one["rung"]: one for one in costs["rungs"]}
    assert told["r0_linear"]["labels"] == 80 and told["r1_prompt"]["labels"] == 0
    assert told["r0_linear"]["once"] > 40
    (pair,) = costs["pairs"]
    assert (pair["dearer"], pair["cheaper"]) == ("r0_linear", "r1_prompt")

    again = climbed(task_file)
    assert again["forecast"] == document["forecast"] and again["seconds"] == document["seconds"]
    assert run(["climb", str(task_file)]) == 1
    assert "Forecast  linear model: " in capsys.readouterr().out


def test_a_climb_that_passes_draws_no_curve(task_file: Path, tmp_path: Path) -> None:
    document = climbed(write(tmp_path, noise=0.0, at_least=0.75))
    assert document["verdict"]["status"] == "pass" and document["forecast"] is None


def test_finished_subsets_are_not_measured_again(task_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured, whole = [], forecasts._measure_subset

    def counted(session: Climb, rung: str, part: Any, **rest: Any) -> None:
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(len(part.split("train")))
        whole(session, rung, part, **rest)

    monkeypatch.setattr(forecasts, "_measure_subset", counted)
    with open_home(write=True) as opened:
        task = load_task(task_file, opened.downloads)
        with pytest.raises(KeyboardInterrupt):
            draw_curve(open_climb(task, opened, Silent()), "r0_linear")
    assert measured == [10, 20]
    monkeypatch.setattr(forecasts, "_measure_subset", lambda *given, **rest: (measured.append(0), whole(*given, **rest)))
    with open_home(write=True) as opened:
        session = open_climb(task, opened, Silent())
        draw_curve(session, "r0_linear")
        assert measured == [10, 20, 0, 0]
        draw_curve(session, "r0_linear")
        assert len(measured) == 4
        told = forecast(session)
    assert told and told.breakeven is None


def test_subsets_nest(task_file: Path) -> None:
    with open_home(write=True) as opened:
        task = load_task(task_file, opened.downloads)
    whole = forecasts.random_order(task, "train")
    small, large = (forecasts._subset(task, whole[:rows]) for rows in (10, 40))
    assert {row.id for row in small.split("train")} < {row.id for row in large.split("train")}
    assert small.split("dev") == task.split("dev") and small.split("test") == task.split("test")


def test_the_command_before_and_after_a_climb(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["forecast", str(task_file)]) == 0
    said = capsys.readouterr().out
    assert "linear model, on 40 dev rows" in said and "forecast: " in said
    assert "No break-even yet: that needs two rungs that a climb has measured" in said
    climbed(task_file)
    assert run(["forecast", str(task_file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["curves"]) == 1 and len(told["breakeven"]["pairs"]) == 1
    assert run(["forecast", str(task_file)]) == 0
    assert "r0_linear" in capsys.readouterr().out


def test_traffic_is_no_part_of_the_lock(task_file: Path, tmp_path: Path) -> None:
    first = climbed(task_file)
    second = climbed(write(tmp_path, traffic={}))
    assert second["climb"] == first["climb"]
    costs = second["forecast"]["breakeven"]
    assert costs["unit"] == "seconds" and costs["pairs"][0]["months"] is None
    assert any("no traffic.machine_usd_per_hour" in note for note in costs["notes"])
    assert any("labels that a rung learns from are not counted" in note for note in costs["notes"])


@pytest.mark.parametrize(
    ("rung", "words"),
    [
        ("r0_liner", "no rung is called 'r0_liner'\n  Did you mean 'r0_linear'?"),
        ("r1_prompt", "r1_prompt has no learning curve: it does not learn from rows\n  These have one here: r0_linear (--rung)."),
        ("r4_adapter", "r4_adapter has no learning curve: the base is a script: it has no weights to train"),
    ],
)
def test_a_rung_without_a_curve_is_2(task_file: Path, capsys: pytest.CaptureFixture[str], rung: str, words: str) -> None:
    assert run(["forecast", str(task_file), "--rung", rung]) == 2
    assert words in capsys.readouterr().err


def test_too_few_rows_for_a_curve(task_file: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data={**_data(), "split": {"train": 7, "dev": 40, "test": 140}})
    with open_home(write=True) as opened:
        session = open_climb(load_task(path, opened.downloads), opened, Silent())
        with pytest.raises(UserError, match="too few train rows for a learning curve of r0_linear: with 4 rows"):
            draw_curve(session, "r0_linear")


def _data() -> dict[str, Any]:
    return {"examples": "messages.csv", "columns": {"input": "text", "target": "tone"}}


def test_groups_reach_the_gate_the_curve_and_the_card(task_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (tmp_path / "messages.csv").read_text().splitlines()
    grouped = [f"{line},{'customer' if not n else f'c{n // 2}'}" for n, line in enumerate(lines)]
    (tmp_path / "grouped.csv").write_text("\n".join(grouped) + "\n")
    data = {**_data(), "examples": "grouped.csv", "group": "customer", "split": {"train": 80, "dev": 40, "test": 140}}
    seen, look = [], gate.look
    monkeypatch.setattr(gate, "look", lambda values, claim: (seen.append(claim.groups), look(values, claim))[1])
    document = climbed(write(tmp_path, data=data))
    assert seen and all(len(set(groups)) < 0.6 * len(groups) for groups in seen)
    assert document["forecast"]["curves"][0]["clusters"] < document["forecast"]["curves"][0]["n"]
    assert document["card"][-1]["figures"]["design_effect"] > 0 and "measured on dev (r1_prompt)" in document["card"][-1]["text"]


def test_an_adapters_curve_on_the_tiny_model(tiny_base: Path, tmp_path: Path, home: Path) -> None:
    settings = {"r4_adapter": {"rank": 2, "epochs": 1, "batch_rows": 8, "learning_rate": 0.01, "dev_rows": 10}}
    data = {**_data(), "split": {"train": 16, "dev": 12, "test": 140}}
    path = write_toy(tmp_path, tiny_base, rungs=settings, data=data)
    with open_home(write=True) as opened:
        session = open_climb(load_task(path, opened.downloads), opened, Silent())
        draw_curve(session, "r4_adapter")
        told = forecast(session)
        kept = {point.rows: opened.candidates.get(point.candidate) for point in session.record.points}
        assert len({candidate.adapters for candidate in kept.values()}) == 4
        assert kept[2].constraint.kind == "choice"
        assert session.record.seconds == 0, "a learning curve is no part of the climb's time"
    assert told and [point.rows for point in told.curves[0].points] == [2, 4, 8, 16]
    assert not list((home / "climbs").rglob("curve-*"))
