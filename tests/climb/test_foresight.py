"""What a climb is said to ask, against what it asks: counted on a scripted base, where nothing is left to chance."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy import write_toy

from rung.climb import steps
from rung.climb.climb import climb
from rung.climb.outlook.telling import Outlook
from rung.climb.record import Record
from rung.climb.steps import open_climb
from rung.progress import Silent
from rung.registry.home import open_home
from rung.registry.predictions import Prediction
from rung.task.load import load_task

MODEL = '''
from pathlib import Path
ASKED = Path(__file__).with_name("asked")

def answer(request):
    """A label where it is held to one and told the format; and a count of the questions."""
    with ASKED.open("a") as file:
        file.write("x")
    told = request["constraint"] and "Reply with exactly" in request["messages"][0]["content"]
    return "negative" if told else "neither"
'''
# So few rows that a race has one round.
FIXED = {"demonstrations": [], "dev_rows": 12, "calibrate": False}
# A function says no probabilities: what would be asked for them is not.
PROBES = {"dev_rows": 20, "decision": {"skip": True}, "sampling": {"skip": True}}
SKIPPED = {name: {"skip": True} for name in ("r0_linear", "r4_adapter", "r5_full")}


@pytest.fixture
def task_file(tmp_path: Path, home: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL, "utf-8")
    base: Any = f"scripted:{tmp_path / 'model.py'}#answer"
    return write_toy(tmp_path / "task", base, rungs={**SKIPPED, "r1_prompt": FIXED}, probes=PROBES)


def asked(folder: Path) -> int:
    file = folder / "asked"
    return len(file.read_text()) if file.exists() else 0


def predicted(home: Path) -> Prediction:
    with open_home(home) as opened:
        (begun,) = opened.climbs.all()
        found = Record(opened, begun.climb).foreseen
    assert found is not None
    return found


def climbed(task_file: Path, home: Path) -> Any:
    with open_home(home, write=True) as opened:
        return climb(load_task(task_file, opened.downloads), opened, progress=Silent())


def test_what_is_asked_is_what_was_foreseen(task_file: Path, home: Path, tmp_path: Path) -> None:
    counted: dict[str, int] = {}
    with open_home(home, write=True) as opened:
        under_way = open_climb(load_task(task_file, opened.downloads), opened, Silent())
        with under_way.lease:
            Outlook(under_way).foretell()
            for name, work in (
                ("built/r1_prompt", lambda: steps.build(under_way, "r1_prompt")),
                ("allotted/r1_prompt", lambda: steps.ask_dev(under_way, "r1_prompt")),
                ("judged/r1_prompt", lambda: steps.gate(under_way, "r1_prompt")),
                ("diagnosed", lambda: steps.diagnose(under_way)),
                ("measured/r1_prompt", lambda: steps.measure(under_way, "r1_prompt")),
            ):
                before = asked(tmp_path)
                work()
                counted[name] = asked(tmp_path) - before
        record = under_way.record
    prediction, gate = record.foreseen, record.judged["r1_prompt"].verdict
    assert prediction is not None
    said = {step.key: step.amount.answers for step in prediction.steps if step.when in ("", gate.status)}
    assert counted["built/r1_prompt"] == said["built/r1_prompt"].expected
    # The share of alpha is fixed by dev: 28 rows of it no trial asked.
    assert counted["allotted/r1_prompt"] <= said["allotted/r1_prompt"].most == 28
    assert counted["judged/r1_prompt"] == gate.n
    assert said["judged/r1_prompt"].least <= counted["judged/r1_prompt"] <= said["judged/r1_prompt"].most == 140
    # Which rows fail is not known before: those that an arm asks may be among the 12 of the trials, or the 28 others.
    assert counted["diagnosed"] == pytest.approx(said["diagnosed"].expected, abs=40)
    # Of the 28 that no trial asked, the gate's share or the diagnosis may have asked some.
    assert 0 <= counted["measured/r1_prompt"] <= 28


def test_what_is_answered_already_costs_nothing(task_file: Path, home: Path, tmp_path: Path) -> None:
    climbed(task_file, home)
    first = asked(tmp_path)
    task = task_file.read_text("utf-8").replace("0.9", "0.8")
    other = task_file.with_name("other.yaml")
    other.write_text(task, "utf-8")
    with open_home(home, write=True) as opened:
        known = {begun.climb for begun in opened.climbs.all()}
        climb(load_task(other, opened.downloads), opened, progress=Silent())
        (second,) = [begun.climb for begun in opened.climbs.all() if begun.climb not in known]
        prediction = Record(opened, second).foreseen
    assert prediction is not None and asked(tmp_path) == first
    build = prediction.step("built/r1_prompt")
    assert build is not None and build.amount.answers.most == 0


def test_a_function_that_answers_is_not_measured(task_file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rung.cli.app import run

    assert run(["plan", str(task_file), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["minutes"] is None and planned["prediction"]["timed"] is False
    assert not (task_file.parent.parent / "asked").exists()
    assert planned["prediction"]["ends"][-1]["amount"]["answers"]["expected"] > 100
    assert run(["plan", str(task_file)]) == 0
    assert "how fast they come is not known" in capsys.readouterr().out


def test_the_climb_says_what_it_will_ask(task_file: Path, home: Path) -> None:
    said: list[str] = []

    class Heard(Silent):
        def note(self, text: str) -> None:
            said.append(text)

    with open_home(home, write=True) as opened:
        climb(load_task(task_file, opened.downloads), opened, progress=Heard())
    assert any(line.startswith("It will ask about ") and "answers if the prompt passes, at most" in line for line in said)


def test_a_climb_that_goes_on_says_what_is_left(task_file: Path, home: Path) -> None:
    with open_home(home, write=True) as opened:
        under_way = open_climb(load_task(task_file, opened.downloads), opened, Silent())
        with under_way.lease:
            Outlook(under_way).foretell()
            steps.build(under_way, "r1_prompt")
        first = under_way.record.foreseen
    with open_home(home, write=True) as opened:
        again = open_climb(load_task(task_file, opened.downloads), opened, Silent())
        with again.lease:
            Outlook(again).foretell()
        second = again.record.foreseen
    assert first is not None and second is not None
    build, rebuilt = first.step("built/r1_prompt"), second.step("built/r1_prompt")
    assert build == rebuilt and build is not None and build.amount.answers.expected == 48, "what is done was said before"
    left = second.step("diagnosed"), first.step("diagnosed")
    assert left[0] is not None and left[1] is not None and left[0].amount.answers.expected <= left[1].amount.answers.expected


def test_a_step_that_took_much_longer_is_told(task_file: Path, home: Path) -> None:
    from rung.parts import Span
    from rung.registry.predictions import Took

    step = Took(key="built/x", rung="x", title="build", predicted=Span(least=5, expected=10, most=20), seconds=16)
    assert step.missed and step.factor == pytest.approx(1.6)
    assert not replace(step, seconds=14).missed and replace(step, seconds=6).missed
    assert replace(step, predicted=None).factor is None
    assert replace(step, predicted=Span.of(0.1), seconds=1.0).factor is None
