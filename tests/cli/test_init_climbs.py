"""`rung init` on five files as people have them writes a task file that `rung climb` climbs, whatever it finds, without an edit."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.cli.app import run

ROWS = 170
ASKS = {
    "billing": (
        "I was charged twice for {what}",
        "the invoice for {what} shows the wrong amount",
        "please refund {what}, order {n}",
    ),
    "shipping": ("where is {what}? order {n} left a week ago", "the courier lost {what}", "{what} went to my old address"),
    "technical": ("{what} does not start any more", "the app crashes when I open {what}", "error {n} on the screen of {what}"),
}
WHATS = ("the kettle", "my tablet", "the desk lamp", "a pair of headphones", "the coffee grinder", "our printer", "the bike light")
PEOPLE = ("Ana Ruiz", "Tom Becker", "Li Wei", "Sofia Rossi", "Omar Haddad", "Ines Costa")
CITIES = ("Lisbon", "Oslo", "Turin", "Ghent", "Graz", "Malmö")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_forecast",
        "description": "The weather of the coming days",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}

draw = random.Random(20)


def ticket(n: int) -> tuple[str, str]:
    kind = draw.choice(list(ASKS))
    return draw.choice(ASKS[kind]).format(what=draw.choice(WHATS), n=4000 + 17 * n), kind


def labels(path: Path) -> None:
    """A spreadsheet saved as CSV by a program that does not write UTF-8: ids, dates, an extra column, a customer."""
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["id", "date", "message", "category", "customer"])
        for n in range(ROWS):
            text, kind = ticket(n)
            writer.writerow([n, f"2026-0{n % 9 + 1}-11", f"{text} (ref. №{n})".replace("№", "n° "), kind, f"c{n % 60}"])


def completions(n: int) -> dict[str, Any]:
    """Free text: how an answer begins."""
    text, kind = ticket(n)
    answer = f" Thank you for writing, {draw.choice(PEOPLE)}. Your {kind} question about order {4000 + 17 * n} is with us now."
    return {"prompt": f"Write the first line of our answer to mail {n}.\n\n{text}", "completion": answer}


def chats(n: int) -> dict[str, Any]:
    """Whole conversations, some of several turns, that end with the right queue."""
    text, kind = ticket(n)
    more = [{"role": "assistant", "content": "Could you say more?"}, {"role": "user", "content": f"It began {n} days ago."}]
    turns = [{"role": "user", "content": f"{text} ({n})"}, *(more if n % 3 == 0 else [])]
    system = {"role": "system", "content": "Sort the request: billing, shipping or technical."}
    return {"messages": [system, *turns, {"role": "assistant", "content": kind}]}


def calls(n: int) -> dict[str, Any]:
    city, days = draw.choice(CITIES), draw.randint(1, 9)
    arguments = json.dumps({"city": city, "days": days})
    answer = {"role": "assistant", "content": None, "tool_calls": [{"id": f"call_{n}", "type": "function"}]}
    answer["tool_calls"][0]["function"] = {"name": "get_forecast", "arguments": arguments}
    asked = f"What will the weather be in {city} over the next {days} days? Asking for trip {n}."
    return {"messages": [{"role": "user", "content": asked}, answer], "tools": [WEATHER]}


def extractions(n: int) -> dict[str, Any]:
    person, city, day = draw.choice(PEOPLE), draw.choice(CITIES), f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}"
    text = f"Hello, this is {person}. On {day} I fly to {city} with {n % 4 + 1} others, booking {7000 + n}."
    return {"text": text, "fields": {"name": person, "city": city, "date": day, "people": n % 4 + 1}}


def jsonl(row: Callable[[int], dict[str, Any]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text("".join(json.dumps(row(n), ensure_ascii=False) + "\n" for n in range(ROWS)), "utf-8")

    return write


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("name", "write", "scorer"),
    [
        ("tickets.csv", labels, "choice"),
        ("openings.jsonl", jsonl(completions), "overlap"),
        ("queues.jsonl", jsonl(chats), "choice"),
        ("calls.jsonl", jsonl(calls), "tool_call"),
        ("bookings.jsonl", jsonl(extractions), "json_fields"),
    ],
)
def test_init_then_climb(
    tiny_base: Path, folder: Path, capsys: pytest.CaptureFixture[str], name: str, write: Callable[[Path], None], scorer: str
) -> None:
    write(folder / name)
    assert run(["init", name, "--base", str(tiny_base), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert (written["scorer"], written["usable"]) == (scorer, ROWS)
    code = run(["climb", "task.yaml", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code in (0, 1)
    assert document["task"]["bar"]["scorer"] == scorer
    tried = [rung for rung in document["rungs"] if rung["verdict"]]
    assert tried
    assert all(rung["dev"]["mean"] is not None and rung["verdict"]["missing"] == 0 for rung in tried)
    assert all(rung["reason"] for rung in document["rungs"])
    if code == 0:
        assert run(["answer", document["version"], "the courier lost my tablet"]) == 0
        assert capsys.readouterr().out.strip()


def test_the_base_is_named_as_the_task_file_sees_it(tiny_base: Path, folder: Path) -> None:
    labels(folder / "tickets.csv")
    (folder / "tasks").mkdir()
    assert run(["init", "tickets.csv", "--base", str(tiny_base), "--out", "tasks/a.yaml"]) == 0
    assert run(["init", "tickets.csv", "--base", "hf:org/model@main", "--out", "tasks/b.yaml"]) == 0
    bases = [yaml.safe_load((folder / "tasks" / name).read_text("utf-8"))["base"] for name in ("a.yaml", "b.yaml")]
    assert (folder / "tasks" / bases[0]).resolve() == tiny_base.resolve()
    assert bases[1] == "hf:org/model@main"
