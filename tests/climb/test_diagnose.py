"""The probes on a scripted base with planted behaviour: each world's cause leads, and says which rung mends it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planted import write

from rung.climb.climb import climb
from rung.climb.diagnosis.diagnose import diagnose
from rung.json_form import as_json
from rung.progress import Silent
from rung.registry.home import open_home
from rung.task.load import load_task


def look(task_file: Path, home: Path) -> dict:
    with open_home(home, write=True) as opened:
        told = as_json(diagnose(load_task(task_file, opened.downloads), opened, progress=Silent()).record())
    assert json.loads(json.dumps(told)) == told
    return told


def probe(told: dict, name: str) -> dict:
    return next(one for one in told["probes"] if one["name"] == name)


@pytest.mark.parametrize(
    ("kind", "rung"),
    [
        ("solved", "r1_prompt"),
        ("trivial", "r0_linear"),
        ("format", "r1_prompt"),
        ("decision", "r1_prompt"),
        ("demonstrations", "r1_prompt"),
        ("knowledge", "r2_retrieve"),
        ("tool", "r3_tools"),
        ("skill", "r4_adapter"),
        ("labels", None),
    ],
)
def test_the_planted_cause_leads(kind: str, rung: str | None, home: Path, tmp_path: Path) -> None:
    # A bar as high as that of "labels" needs more rows to be provable at all.
    rows = 420 if kind == "labels" else 240
    told = look(write(tmp_path / "task", kind, rows=rows), home)
    assert (told["cause"], told["rung"]) == (kind, rung), told["sentence"]
    # Of the failures at which every probe was asked: some arms were settled before they were asked at all.
    assert sum(line["share"] for line in told["attribution"]) == pytest.approx(1.0 if told["failures"] else 0.0)
    settled = any(arm["of"] and arm["of"] > arm["n"] for one in told["probes"] for arm in one["arms"])
    flipped = sum(line["flipped"] for line in told["attribution"])
    assert flipped == told["failures"] or (settled and flipped < told["failures"])
    assert told["n"] == rows // 3


def climbed(task_file: Path, home: Path, **options) -> dict:
    with open_home(home, write=True) as opened:
        return as_json(climb(load_task(task_file, opened.downloads), opened, progress=Silent(), **options))


def states(document: dict) -> dict[str, str]:
    return {rung["rung"]: rung["state"] for rung in document["rungs"]}


def test_the_arms_tell_knowledge_search_and_reading_apart(home: Path, tmp_path: Path) -> None:
    told = look(write(tmp_path / "task", "knowledge"), home)
    arms = {arm["name"]: arm for arm in probe(told, "oracle_context")["arms"]}
    assert arms["the right passage"]["after"] == 1.0 and arms["the right passage"]["before"] == 0.0
    assert arms["what search finds"]["after"] > 0.9
    assert arms["a wrong passage"]["after"] == 0.0 and not arms["a wrong passage"]["shows"]
    assert probe(told, "oracle_tool")["state"] == "skipped"
    assert probe(told, "oracle_tool")["reason"] == "the task gives no tools (tools:)"


def test_a_passage_is_handed_over_in_the_form_that_does_best(home: Path, tmp_path: Path) -> None:
    """A base that needs to be shown how before it reads: half of what it is asked it can copy from a demonstration."""
    task_file = write(tmp_path / "task", "knowledge")
    model = tmp_path / "task" / "model.py"
    copies = "[turn['content'] for turn in request['messages'] if turn['role'] == 'assistant'][-1] if shown else 'none'"
    learns = model.read_text().replace("LEARNS_TO_READ = False", "LEARNS_TO_READ = True")
    model.write_text(learns.replace('if found else "none"', f"if found else ({copies})"))
    arms = {arm["name"]: arm for arm in probe(look(task_file, home), "oracle_context")["arms"]}
    assert arms["the right passage"]["after"] == 0.0
    assert (
        arms["the right passage, with demonstrations"]["after"]
        == 1.0
        > arms["the right passage, with demonstrations"]["before"]
        > 0
    )


def test_a_call_that_the_base_cannot_form_still_shows_the_tool(home: Path, tmp_path: Path) -> None:
    task_file = write(tmp_path / "task", "tool")
    model = tmp_path / "task" / "model.py"
    model.write_text(model.read_text().replace('"item": last', '"item": "item1" or last'))
    told = look(task_file, home)
    arms = {arm["name"]: arm for arm in probe(told, "oracle_tool")["arms"]}
    assert arms["the right call's result"]["after"] == 1.0
    assert arms["its own call"]["after"] < 0.05
    assert told["cause"] == "tool"
    assert probe(told, "oracle_tool")["facts"]["calls_known"] == 80


def test_a_tool_that_does_not_help_is_not_the_cause_and_is_skipped(home: Path, tmp_path: Path) -> None:
    document = climbed(write(tmp_path / "task", "tool", model="dumb"), home)
    assert document["diagnosis"]["cause"] == "skill"
    tools = next(rung for rung in document["rungs"] if rung["rung"] == "r3_tools")
    assert tools["state"] == "skipped" and "the right call's result" in tools["reason"]
    assert f"r3_tools: {tools['reason']}" in document["notes"]


def test_contradicting_labels_end_the_climb_with_a_sentence_that_says_so(home: Path, tmp_path: Path) -> None:
    task_file = write(tmp_path / "task", "labels", rows=420)
    document = climbed(task_file, home)
    assert document["verdict"]["status"] in ("fail", "undecided")
    assert "labels" in document["verdict"]["sentence"]
    assert states(document)["r1_prompt"] in ("failed", "undecided")
    ceiling = probe(document["diagnosis"], "ceiling")
    assert 0.75 < ceiling["facts"]["near_identical"]["ceiling"] < ceiling["ceiling"] < 0.95
    again = climbed(task_file, home)
    assert again["diagnosis"] == document["diagnosis"], "it is stored, not asked again"


def test_repeated_questions_bound_any_task(home: Path, tmp_path: Path) -> None:
    """Free text, told in one of two ways at random each time it is asked: no linear model applies."""
    task_file = write(tmp_path / "task", "skill", rows=200)
    rows = [json.loads(line) for line in (tmp_path / "task" / "rows.jsonl").read_text().splitlines()]
    again = [row | {"a": row["a"] if number % 2 else "?"} for number, row in enumerate(rows)]
    (tmp_path / "task" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *again]))
    task_file.write_text(
        task_file.read_text().replace("train: 66\n    dev: 66\n    test: 68", "train: 60\n    dev: 60\n    test: 80")
    )
    told = look(task_file, home)
    ceiling = probe(told, "ceiling")
    assert ceiling["facts"]["repeated"]["pairs"] == 120 and ceiling["facts"]["repeated"]["covered"] == 1.0
    assert told["cause"] == "labels" if ceiling["ceiling"] < 0.8 else told["cause"] == "unexplained"


def test_what_was_asked_is_not_asked_again(home: Path, tmp_path: Path) -> None:
    task_file, asked = write(tmp_path / "task", "tool"), tmp_path / "asked.txt"
    model = tmp_path / "task" / "model.py"
    count = f"open({str(asked)!r}, 'a').write('.')"
    model.write_text(f"{model.read_text()}\n_model = model\ndef model(request):\n    {count}\n    return _model(request)\n")
    first = look(task_file, home)
    once = len(asked.read_text())
    assert look(task_file, home) == first
    assert len(asked.read_text()) == once
    document = climbed(task_file, home)
    assert document["verdict"]["rung"] == "r3_tools"


def test_the_climb_ends_where_the_diagnosis_points(home: Path, tmp_path: Path) -> None:
    document = climbed(write(tmp_path / "task", "knowledge"), home)
    assert document["verdict"]["rung"] == "r2_retrieve" == document["diagnosis"]["rung"]


def test_all_measures_what_the_diagnosis_would_skip(home: Path, tmp_path: Path) -> None:
    task_file = write(tmp_path / "task", "tool", model="dumb")
    document = climbed(task_file, home, every_rung=True)
    assert states(document)["r3_tools"] in ("failed", "undecided")
    assert "r3_tools" in document["diagnosis"]["skips"]


def test_a_stronger_base_is_held_against_the_labels(home: Path, tmp_path: Path) -> None:
    task_file = write(tmp_path / "task", "skill", probes={"ceiling": {"base": "scripted:strong.py#model"}})
    (tmp_path / "task" / "strong.py").write_text("def model(request):\n    return request['messages'][-1]['content'][::-1]\n")
    arm = probe(look(task_file, home), "ceiling")["arms"][0]
    assert (arm["name"], arm["after"], arm["shows"]) == ("a stronger base", 1.0, False)


def test_a_probe_that_cannot_run_leaves_a_gap_with_its_reason(home: Path, tmp_path: Path) -> None:
    task_file = write(tmp_path / "task", "knowledge")
    model = tmp_path / "task" / "model.py"
    model.write_text(model.read_text().replace("    town =", "    assert len(said) < 60, 'too long'\n    town ="))
    told = look(task_file, home)
    gap = probe(told, "oracle_context")
    assert gap["state"] == "skipped" and "too long" in gap["reason"]
    assert told["cause"] == "unexplained" and "too long" in told["sentence"]


def test_sampling_finds_what_greedy_answers_hide(home: Path, tmp_path: Path) -> None:
    task_file = write(tmp_path / "task", "skill")
    (tmp_path / "task" / "model.py").write_text(
        "def model(request):\n    said = request['messages'][-1]['content']\n"
        "    return said[::-1] if request['temperature'] and request['seed'] % 4 == 1 else said\n"
    )
    facts = probe(look(task_file, home), "sampling")["facts"]
    assert facts["pass_at_1"] == pytest.approx(0.25, abs=0.02) and facts["pass_at_k"] == 1.0 and facts["majority"] < 0.05
