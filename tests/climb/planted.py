"""Small tasks whose missing thing is known, on a scripted base that can do exactly so much."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import yaml

TOWNS = [
    a + b for a in ("Ash", "Bir", "Cor", "Dun", "Elm", "Fal", "Gar", "Hol") for b in ("by", "ford", "ham", "ley", "ton", "wick")
]
TOOLS = '''
def price(item: str) -> int:
    """The price of an item.

    Consequence: read
    """
    return 100 + 7 * int(item.removeprefix("item"))
'''
MODELS = {
    # Reads a document where one stands in the question.
    "knowledge": """
import re
LEARNS_TO_READ = False
def model(request):
    said = request["messages"][-1]["content"]
    town = re.findall(r"code of (\\w+)", said)[-1]
    shown = len(request["messages"]) > 2
    found = re.search(rf"{town} has the code (\\d+)", said)
    if LEARNS_TO_READ and not shown:
        return "none"
    return found[1] if found else "none"
""",
    # Reads a tool's result; calls where it must.
    "tool": """
import json
def model(request):
    last = request["messages"][-1]
    if last["role"] == "tool":
        return last["content"].splitlines()[-1]
    if request["constraint"] and "price" in json.dumps(request["constraint"]):
        return json.dumps({"name": "price", "arguments": {"item": last["content"].split()[-1].rstrip("?")}})
    return "0"
""",
    # Knows it, and says it in a sentence unless it is held to the form.
    "format": """
def model(request):
    right = "positive" if "love" in request["messages"][-1]["content"] else "negative"
    held = request["constraint"]
    return right if held else f"It is hard to say whether this is positive or negative; I would say {right}."
""",
    # Knows it, and leans to one label.
    "decision": """
def model(request):
    good = "love" in request["messages"][-1]["content"]
    logs = {"positive": -0.2 if good else -0.5, "negative": -1.7 if good else -0.93}
    held = request["constraint"]
    return {"text": "positive", "logprobs": logs if held and held["kind"] == "choice" else None}
""",
    # Copies what the nearest demonstration did.
    "demonstrations": """
def model(request):
    shown = [turn["content"] for turn in request["messages"] if turn["role"] == "assistant"]
    return shown[-1] if shown else "?"
""",
    "solved": """
def model(request):
    return "positive" if "love" in request["messages"][-1]["content"] else "negative"
""",
    "dumb": """
def model(request):
    return "positive"
""",
}


def write(folder: Path, kind: str, *, model: str | None = None, bar: float | None = None, rows: int = 240, **extra: Any) -> Path:
    """Writes a task of one of these kinds: knowledge, tool, format, decision, demonstrations, solved, trivial, labels, skill."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODELS[model or (kind if kind in MODELS else "dumb")])
    scorer, told, parts = globals()[f"_{kind if kind in ('knowledge', 'tool', 'demonstrations', 'skill') else 'tones'}"](
        folder, kind, rows
    )
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    third = len(told) // 3
    columns = {"input": "q", "target": "a"} | ({"calls": "calls"} if kind == "tool" else {})
    data = {"examples": "rows.jsonl", "columns": columns, "split": {"train": third, "dev": third, "test": len(told) - 2 * third}}
    rungs = {"r1_prompt": {"demonstrations": [2], "dev_rows": 40, "calibration_rows": 40}, "r3_tools": {"dev_rows": 40}}
    task = {"name": kind, "base": "scripted:model.py#model", "instruction": "Answer.", "data": data, "rungs": rungs}
    task |= {"quality": {"scorer": scorer, "at_least": bar or (0.95 if kind == "labels" else 0.8)}, **parts, **extra}
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return path


def _knowledge(folder: Path, kind: str, rows: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    (folder / "docs").mkdir()
    for number, town in enumerate(TOWNS):
        (folder / "docs" / f"{town}.md").write_text(f"# {town}\n\nThe town of {town} has the code {1000 + number * 7}.\n")
    starts = ("What is", "Tell me", "Please name", "Say", "I want")
    told = [
        {"q": f"{start} the code of {town}?", "a": str(1000 + number * 7)} for number, town in enumerate(TOWNS) for start in starts
    ]
    return "exact", told, {"knowledge": "docs", "rungs": {"r2_retrieve": {"modes": ["lexical"], "passages": [1], "dev_rows": 40}}}


def _tool(folder: Path, kind: str, rows: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    (folder / "tools.py").write_text(TOOLS)
    told = [
        {"q": f"What costs item{n}?", "a": 100 + 7 * n, "calls": [{"name": "price", "arguments": {"item": f"item{n}"}}]}
        for n in range(rows)
    ]
    return "numeric", told, {"tools": {"file": "tools.py"}}


def _demonstrations(folder: Path, kind: str, rows: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """A private code for each of a few words, in free text: only rows tell it."""
    words = ("apple", "stone", "river", "cloud")
    told = [{"q": f"{words[n % 4]} {n}", "a": f"<{words[n % 4][::-1]}>"} for n in range(rows)]
    return "exact", told, {"rungs": {"r0_linear": {"skip": True}}, "probes": {"linear": {"skip": True}}}


def _skill(folder: Path, kind: str, rows: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """Reversing a word: no row says another's answer."""
    draw = random.Random(3)
    words = ["".join(draw.choice("abcdefgh") for _ in range(6)) for _ in range(rows)]
    return "exact", [{"q": word, "a": word[::-1]} for word in words], {}


def _tones(folder: Path, kind: str, rows: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """Love or hate of a few things; with `labels` two in five are told at random, elsewhere a linear model is left out."""
    draw = random.Random(5)
    told = []
    for n in range(rows):
        good = draw.random() < 0.5
        answer = good if kind != "labels" or draw.random() > 0.4 else draw.random() < 0.5
        thing = draw.choice(("phone", "box", "team"))
        told.append({"q": f"{n}: I {'love' if good else 'hate'} the {thing}", "a": "positive" if answer else "negative"})
    left_out = {} if kind in ("trivial", "labels") else {"probes": {"linear": {"skip": True}}}
    return "choice", told, left_out
