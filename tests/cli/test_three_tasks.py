"""From a climb to a champion, to a better one and back: three tasks, as typed, each answer at once by whoever is champion."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from planted import TOWNS

from rung.cli.app import run

MODEL = """
import re
def tone(request):
    return "positive" if "love" in request["messages"][-1]["content"] else "negative"
def sms(request):
    return "spam" if "prize" in request["messages"][-1]["content"] else "ham"
def handbook(request):
    said = request["messages"][-1]["content"]
    town = re.findall(r"code of (\\w+)", said)[-1]
    found = re.search(rf"{town} has the code (\\d+)", said)
    return found[1] if found else "none"
"""
ROWS = (60, 84)
PROMPT = {"demonstrations": [], "dev_rows": 10, "calibrate": False}
LINKS = ("base", "data", "recipe", "code", "evaluation")


def rows_of(kind: str, count: int) -> list[dict[str, str]]:
    """So many rows; more of them begin with the same."""
    draw = random.Random(5)
    if kind == "handbook":
        return [
            {"q": f"{start} the code of {town}?", "a": str(1000 + number * 7)}
            for start in ("What is", "Tell me", "Please name", "Say")
            for number, town in enumerate(TOWNS)
        ][:count]
    words, labels = {"tone": (("love", "hate"), ("positive", "negative")), "sms": (("prize", "lunch"), ("spam", "ham"))}[kind]
    picked = [draw.randrange(2) for _ in range(count)]
    return [{"q": f"row {number}: {words[pick]} it is", "a": labels[pick]} for number, pick in enumerate(picked)]


def write(folder: Path, kind: str, count: int) -> str:
    """Writes the task of one kind with so many rows; returns its file's path."""
    place = folder / kind
    place.mkdir(exist_ok=True)
    (place / "model.py").write_text(MODEL)
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of(kind, count)))
    more: dict[str, Any] = {"rungs": {"r0_linear": {"skip": True}, "r1_prompt": dict(PROMPT)}}
    if kind == "handbook":
        (place / "docs").mkdir(exist_ok=True)
        for number, town in enumerate(TOWNS):
            (place / "docs" / f"{town}.md").write_text(f"# {town}\n\nThe town of {town} has the code {1000 + number * 7}.\n")
        more["knowledge"] = "docs"
        more["rungs"] |= {"r2_retrieve": {"modes": ["lexical"], "passages": [1], "dev_rows": 10}}
    task = {
        "name": kind,
        "base": f"scripted:model.py#{kind}",
        "instruction": f"Answer, as {count} rows say.",
        "data": {
            "examples": "rows.jsonl",
            "columns": {"input": "q", "target": "a"},
            "split": {"train": count - 36, "dev": 12, "test": 24},
        },
        "quality": {"scorer": "exact" if kind == "handbook" else "choice", "at_least": 0.7},
        **more,
    }
    path = place / "task.yaml"
    path.write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return str(path)


def done(capsys: pytest.CaptureFixture[str], *typed: str, code: int = 0) -> Any:
    """What a command says as JSON."""
    assert run([*typed, "--json"]) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


def tell(capsys: pytest.CaptureFixture[str], folder: Path, kind: str, question: str, answer: str) -> None:
    """Climb, promote, climb with more rows, promote, roll back: and what answers after each."""
    champions = []
    for count in ROWS:
        climbed = done(capsys, "climb", write(folder, kind, count))
        assert climbed["verdict"]["status"] == "pass", climbed["verdict"]
        assert done(capsys, "promote", kind)["promoted"]
        said = done(capsys, "answer", f"{kind}@champion", question)
        champions.append(said["candidate"])
        assert (said["answer"]["text"], said["candidate"]) == (answer, climbed["verdict"]["winner"])
    assert champions[0] != champions[1]
    assert done(capsys, "rollback", kind)["version"] == 1
    assert done(capsys, "answer", f"{kind}@champion", question)["candidate"] == champions[0]
    told = [event["told"] for event in done(capsys, "log", kind)["events"]]
    assert told == [*("champion 2 to 1", "champion 1 to 2", f"{kind}@2 registered", "champion set to 1", f"{kind}@1 registered")]


def proved(document: Any) -> dict[tuple[str, str], str]:
    return {(one["version"], link["name"]): link["status"] for one in document["versions"] for link in one["links"]}


@pytest.mark.parametrize("database", ["file", "postgresql"], indirect=True)
def test_three_tasks_from_a_climb_to_a_champion_and_back_and_every_link_is_proved(
    home: Path, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    tasks = {
        "tone": ("I love it", "positive"),
        "sms": ("you win a prize", "spam"),
        "handbook": ("Tell me the code of Ashham?", str(1000 + TOWNS.index("Ashham") * 7)),
    }
    for kind, (question, answer) in tasks.items() if database == "file" else [("tone", tasks["tone"])]:
        tell(capsys, tmp_path, kind, question, answer)
    document = done(capsys, "verify")
    links = proved(document)
    assert set(links.values()) == {"PROVED"}, [
        (one["version"], link) for one in document["versions"] for link in one["links"] if link["status"] != "PROVED"
    ]
    assert {name for _, name in links} == set(LINKS) and ("tone@1", "data") in links
    assert (home / "registry.db").exists() == (database == "file")
    follows(capsys, home)
    for file in (tmp_path / "tone").iterdir():
        file.unlink()
    gone = done(capsys, "verify", "tone@1")
    assert proved(gone)["tone@1", "data"] == "PROVED", "what the home kept of the lock is enough"
    base = next(link for link in gone["versions"][0]["links"] if link["name"] == "base")
    assert (base["status"], base["mend"]) == ("CLAIMED", f"Bring {tmp_path / 'tone' / 'model.py'} back as it was.")


def follows(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """A process that goes on asks anew by name each time: nothing remembers for longer who the champion was."""
    from rung import api

    opened = api.open_home(home)
    for version in ("tone@2", "tone@1"):
        assert done(capsys, "promote", version)["promoted"]
        assert opened.candidate("tone@champion").fields == opened.candidate(version).fields
    done(capsys, "rollback", "tone")
    assert opened.candidate("tone@champion").fields == opened.candidate("tone@2").fields
