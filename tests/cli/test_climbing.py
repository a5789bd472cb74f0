"""The commands that need a model, end to end, with the scripted one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from rung.cli.app import run
from rung.registry.home import open_home

MODEL = """
def answer(request):
    asked = request["messages"][-1]["content"]
    return {"text": "positive" if "love" in asked else "negative", "prompt_tokens": len(asked.split()), "completion_tokens": 1}
"""


@pytest.fixture
def task_file(home: Path, tmp_path: Path) -> Path:
    """A task that the scripted model solves, but for one row in twenty."""
    (tmp_path / "model.py").write_text(MODEL)
    with (tmp_path / "messages.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "tone"])
        for i in range(240):
            good = (i * 7919) % 2 == 0
            told = good if i % 20 else not good
            writer.writerow([f"row {i}: I {'love' if good else 'hate'} it", "positive" if told else "negative"])
    return write_task(tmp_path / "task.yaml", at_least=0.7)


def write_task(path: Path, **bar: float) -> Path:
    task = {
        "name": "toy",
        "base": f"scripted:{path.parent / 'model.py'}#answer",
        "instruction": "Is the message positive or negative?",
        "data": {
            "examples": "messages.csv",
            "columns": {"input": "text", "target": "tone"},
            "split": {"train": 60, "dev": 40, "test": 140},
        },
        "quality": {"scorer": "choice", **bar},
        "rungs": {"r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}},
    }
    path.write_text(yaml.safe_dump(task), "utf-8")
    return path


def test_a_climb_passes_registers_and_answers(task_file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["climb", str(task_file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"]["status"] == "pass"
    assert document["version"] == "toy@1"
    assert (home / "reports" / "toy.html").exists()
    with open_home() as opened:
        assert opened.climbs.fact(document["climb"], "document") == document

    assert run(["climb", str(task_file)]) == 0
    said = capsys.readouterr().out
    assert document["verdict"]["sentence"] in " ".join(said.split())
    assert 'rung answer toy@1 "..."' in said

    assert run(["answer", "toy", "I love it"]) == 0
    assert capsys.readouterr().out == "positive\n"
    assert run(["ls"]) == 0
    assert "toy@1" in capsys.readouterr().out


def test_a_bar_that_nothing_reaches_is_1(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_task(task_file, at_least=0.96)
    assert run(["climb", str(task_file), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["version"] is None
    assert run(["climb", str(task_file)]) == 1
    said = capsys.readouterr().out
    assert "Ask it" not in said and "rung forecast" in said
    assert f"What is missing  {document['diagnosis']['sentence'][:40]}" in said


def test_eval_measures_a_registered_candidate(task_file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["climb", str(task_file), "--json"]) == 0
    winner = json.loads(capsys.readouterr().out)["verdict"]["winner"]
    assert run(["eval", str(task_file), "--candidate", "toy", "--split", "test", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["candidate"], said["n"]) == (winner, 140)
    assert said["alpha"] == pytest.approx(0.05 / 8), "after the climb it is the second on these rows"
    bar = said["bars"][0]
    assert bar["lower"] < bar["estimate"] < bar["upper"]
    assert (bar["n"], bar["missing"], bar["status"]) == (140, 0, "pass")
    with open_home() as opened:
        assert opened.looks.of(said["task"])[-1].candidate == winner
    assert run(["eval", str(task_file), "--candidate", "toy", "--split", "test"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "99.38% confidence" in told and "so far: 2; error at most 4.38%. The next may spend 0.21%." in told, "again is free"
    write_task(task_file, at_least=0.95)
    assert run(["eval", str(task_file), "--candidate", "toy@1"]) == 1
    assert "95% confidence" in capsys.readouterr().out
    assert run(["eval", str(task_file), "--candidate", "nobody"]) == 2
    assert run(["eval", str(task_file), "--candidate", "toy", "--split", "gate"]) == 2


def test_plan_says_what_will_run(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", str(task_file), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert {"card", "rungs", "minutes", "memory_gb", "problem", "rows"} <= set(planned)
    will_run = {rung["rung"]: rung["will_run"] for rung in planned["rungs"]}
    assert will_run["r1_prompt"]
    assert not will_run["r5_full"]
    assert planned["probes"]["format"] == "" and "no documents" in planned["probes"]["oracle_context"]
    assert run(["plan", str(task_file)]) == 0
    told = capsys.readouterr().out
    assert "toy: 60 train, 40 dev, 140 test rows." in told and "oracle_context" not in told and "asked what is missing" in told


def test_diagnose_says_what_is_missing(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", str(task_file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cause"], told["rung"], told["n"], told["failures"]) == ("trivial", "r0_linear", 40, sum_of_failures(told))
    assert run(["diagnose", str(task_file)]) == 0
    said = capsys.readouterr().out
    assert told["sentence"] in " ".join(said.split())
    assert "not run: the task names no documents (knowledge:)" in " ".join(said.split())
    assert "unexplained" in said


def sum_of_failures(told: dict) -> int:
    return sum(line["flipped"] for line in told["attribution"])


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ({"sampling": {"sampels": 3}}, "unknown key 'sampels'. Did you mean 'samples'?"),
        ({"ceiling": {"base": 7}}, "'base' cannot be 7"),
        ({"linear": {"skip": "yes"}}, "'skip' cannot be 'yes': it is true or false"),
    ],
)
def test_wrong_settings_of_a_probe_are_2(task_file: Path, capsys: pytest.CaptureFixture[str], probes: dict, words: str) -> None:
    task = yaml.safe_load(task_file.read_text()) | {"probes": probes}
    task_file.write_text(yaml.safe_dump(task), "utf-8")
    for command in ("diagnose", "climb"):
        assert run([command, str(task_file)]) == 2
        said = capsys.readouterr().err
        assert words in said and "task.yaml:" in said and "Traceback" not in said


def test_a_gate_too_small_for_its_bar_is_2(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_task(task_file, at_least=0.99)
    assert run(["plan", str(task_file)]) == 2
    assert "the test split has 140 rows, and 'quality' needs at least" in " ".join(capsys.readouterr().out.split())
    assert run(["climb", str(task_file)]) == 2
    assert "the test split has 140 rows, and 'quality' needs at least" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "task.yaml: "),
        ("name: [", "task.yaml:"),
        ("name: toy\nqualty: {}\n", "Did you mean 'quality'?"),
    ],
)
def test_a_bad_task_file_is_2(task_file: Path, capsys: pytest.CaptureFixture[str], text: str | None, words: str) -> None:
    task_file.unlink()
    if text is not None:
        task_file.write_text(text)
    for command in (["climb"], ["plan"], ["eval", "--candidate", "x"]):
        assert run([*command, str(task_file)]) == 2
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said


def test_answer_reads_a_conversation_or_standard_input(
    task_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["climb", str(task_file), "--json"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("I love it\n"))
    assert run(["answer", "toy@1"]) == 0
    assert capsys.readouterr().out == "positive\n"
    conversation = tmp_path / "asked.json"
    messages = [{"role": "user", "content": "I hate it"}]
    for document in (messages, {"messages": messages, "tools": []}):
        conversation.write_text(json.dumps(document))
        assert run(["answer", "toy", "--file", str(conversation), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["answer"]["text"] == "negative"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ('{"message": []}', "is not a conversation"),
        ('[{"content": "x"}]', "has no messages with roles"),
        ("[]", "has no messages with roles"),
    ],
)
def test_a_bad_conversation_is_2(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    file = tmp_path / "asked.json"
    if content is not None:
        file.write_text(content)
    assert run(["answer", "toy", "--file", str(file)]) == 2
    assert words in capsys.readouterr().err


def test_nothing_or_two_things_to_answer_are_2(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("  \n"))
    assert run(["answer", "toy"]) == 2
    assert "empty" in capsys.readouterr().err
    assert run(["answer", "toy", "text", "--file", "x.json"]) == 2
    assert "both TEXT and --file" in capsys.readouterr().err


def test_an_unknown_worked_task_gets_the_nearest_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "tune"]) == 2
    assert "Did you mean 'tone'?" in capsys.readouterr().err


@pytest.mark.parametrize(("slow", "status"), [((), "pass"), ((3,), "pass"), ((3, 7), "fail")])
def test_a_limit_on_waiting_is_judged_on_answers_asked_one_at_a_time(
    task_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], slow: tuple[int, ...], status: str
) -> None:
    """A batch of answers that takes no time per row says nothing of what a caller waits: only questions asked alone do."""
    from rung.verify import wait

    content = yaml.safe_load(task_file.read_text()) | {"limits": {"p95_seconds": 2}}
    task_file.write_text(yaml.safe_dump(content), "utf-8")
    ticks = iter(t for n in range(1000) for t in (100.0 * n, 100.0 * n + (9.0 if n in slow else 0.5)))
    monkeypatch.setattr(wait.waits, "__kwdefaults__", {"clock": lambda: next(ticks)})
    run(["climb", str(task_file), "--json"])
    rung = next(rung for rung in json.loads(capsys.readouterr().out)["rungs"] if rung["guards"])
    (limit,) = [guard for guard in rung["guards"] if guard["name"] == "seconds until an answer"]
    assert limit["status"] == status and limit["n_total"] <= wait.WAIT_ROWS
    assert rung["wait_p50_s"] == 0.5
    assert (rung["state"] == "passed") == (status == "pass")


def test_no_caller_waits_for_what_has_failed_already(task_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(MODEL.replace('"love" in asked', '"hate" in asked'))
    content = yaml.safe_load(task_file.read_text()) | {"limits": {"p95_seconds": 2}}
    content["rungs"]["r0_linear"] = {"skip": True}
    task_file.write_text(yaml.safe_dump(content), "utf-8")
    assert run(["climb", str(task_file), "--json"]) == 1
    rung = json.loads(capsys.readouterr().out)["rungs"][1]
    assert rung["state"] == "failed" and rung["wait_p50_s"] is None
    assert [(guard["status"], guard["reason"]) for guard in rung["guards"]] == [("undecided", "not measured: a bar failed")]
