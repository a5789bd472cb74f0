"""Small climbs that are really climbed, one for each way in which a climb can end; their documents as a home has kept them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
import planted
from toy import write_toy

from rung.climb.climb import climb
from rung.progress import Silent
from rung.registry.documents import ClimbDocument, from_json
from rung.registry.home import open_home
from rung.task.load import load_task

FEW = {"rungs": {"r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}}}
# Right where it is shown how, and nearly always right where it is not: demonstrations are chosen on dev, and can be dropped.
SHOWN_OR_NOT = """
def model(request):
    asked = request["messages"][-1]["content"]
    good, number = "love" in asked, int(asked.split(":")[0])
    shown = any(turn["role"] == "assistant" for turn in request["messages"])
    return {"text": "positive" if good == (shown or number % 8 != 0) else "negative", "prompt_tokens": 90 if shown else 20,
            "completion_tokens": 1, "latency_s": 0.25, "cost_usd": 0.0}
"""
HOSTILE = ("<script>alert(1)</script>", "{{ 7 * 7 }}{% if x %}")
OVERRIDE = "invoice\u202etxt.exe \x1b[31mred\x1b[0m"
ARABIC = "الخدمة كانت ممتازة جدا، شكرا لكم! رقم الطلب 4711."
LONG = "I am so happy with this. " * 4000
# Says the other label than it should; r0 does better, so that what changes between the two is shown.
HOSTILE_MODEL = f"""
LABELS = {HOSTILE!r}
def model(request):
    asked = request["messages"][-1]["content"]
    return LABELS[0 if "dusk" in asked else 1]
"""


def _prompt(folder: Path, tiny_base: Path) -> Path:
    """Passes at the prompt rung; without its demonstrations too. The limit on what a caller waits holds."""
    path = planted.write(
        folder,
        "solved",
        bar=0.7,
        limits={"p95_seconds": 30},
        rungs={"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [2]}},
    )
    (folder / "model.py").write_text(SHOWN_OR_NOT)
    return path


def _linear(folder: Path, tiny_base: Path) -> Path:
    """The linear model passes at once: nothing is diagnosed, nothing cheaper is known."""
    return write_toy(folder, tiny_base, noise=0.0, at_least=0.75)


def _failed(folder: Path, tiny_base: Path) -> Path:
    """A third of the labels turned round: a diagnosis, a trained adapter, a forecast, and no pass."""
    settings = {
        **FEW["rungs"],
        "r4_adapter": {"rank": 4, "epochs": 1, "batch_rows": 8, "learning_rate": 0.01, "dev_rows": 20},
        "r5_full": {"skip": True},
    }
    return write_toy(folder, tiny_base, rungs=settings, traffic={"answers_per_month": 1000})


def _undecided(folder: Path, tiny_base: Path) -> Path:
    """Right for nine rows in ten, against a bar just below: the test split is too small to tell."""
    rungs = {"r0_linear": {"skip": True}, **FEW["rungs"]}
    path = planted.write(folder, "solved", bar=0.86, rungs=rungs, alpha_shares="equal")
    (folder / "model.py").write_text(SHOWN_OR_NOT)
    return path


def _by_dev(folder: Path, tiny_base: Path) -> Path:
    """The same, where dev says what each rung may spend."""
    path = _undecided(folder, tiny_base)
    path.write_text(path.read_text("utf-8").replace("alpha_shares: equal\n", ""), "utf-8")
    return path


def _documents(folder: Path, tiny_base: Path) -> Path:
    return planted.write(folder, "knowledge")


def _tools(folder: Path, tiny_base: Path) -> Path:
    return planted.write(folder, "tool", rows=120)


def _relative(folder: Path, tiny_base: Path) -> Path:
    """The bar is a difference, and so is a guard."""
    quality = {"scorer": "choice", "better_than": "r1_prompt", "by": 0.05}
    guards = {"no_worse": {"scorer": "choice", "not_worse_than": "r1_prompt", "margin": 0.1}}
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(planted.MODELS["dumb"])
    base = Path(f"scripted:{folder / 'model.py'}#model")
    return write_toy(folder, base, noise=0.0, quality=quality, guards=guards, **FEW)


def _hostile(folder: Path, tiny_base: Path) -> Path:
    """Rows, labels and an instruction that would be markup, a template or a terminal's orders, if anybody let them."""
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(HOSTILE_MODEL)
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["q", "a"])
        for n in range(180):
            dawn = (n * 7919) % 3 != 0
            said = (OVERRIDE, LONG if n % 20 == 1 else "", HOSTILE[0], ARABIC, '"><img src=x onerror=alert(1)>')[n % 5]
            rows.writerow([f"{n} {'dawn' if dawn else 'dusk'} {said}", HOSTILE[0] if dawn else HOSTILE[1]])
    task = {
        "name": "hostile",
        "base": "scripted:model.py#model",
        "instruction": f"{HOSTILE[0]} {HOSTILE[1]} {OVERRIDE} </style>",
        "data": {"examples": "rows.csv", "columns": {"input": "q", "target": "a"}, "split": {"train": 60, "dev": 60, "test": 60}},
        "quality": {"scorer": "choice", "at_least": 0.9},
        "rungs": {"r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}, "r0_linear": {"skip": False}},
        "probes": {name: {"skip": True} for name in ("ceiling", "sampling", "demonstrations", "format")},
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return folder / "task.yaml"


Write = Callable[[Path, Path], Path]
WAYS: dict[str, Write] = {
    "prompt": _prompt,
    "linear": _linear,
    "failed": _failed,
    "undecided": _undecided,
    "by_dev": _by_dev,
    "documents": _documents,
    "tools": _tools,
    "relative": _relative,
    "hostile": _hostile,
}


def climbed(name: str, folder: Path, tiny_base: Path) -> ClimbDocument:
    """The document of one of WAYS, climbed to its end and read back from its home."""
    task_file = WAYS[name](folder / name, tiny_base)
    with open_home(folder / "home", write=True) as home:
        ended = climb(load_task(task_file, home.downloads), home, progress=Silent(), every_rung=name == "hostile")
    with open_home(folder / "home") as home:
        kept = from_json(home.climbs.fact(ended.climb, "document"))
    assert kept == ended, "what is kept is what was made"
    return kept


def with_rung(document: ClimbDocument, name: str, **fields: Any) -> ClimbDocument:
    """The document with one rung changed: for what only a broken disk or a very long training would show."""
    rungs = tuple(replace(rung, **fields) if rung.rung == name else rung for rung in document.rungs)
    return replace(document, rungs=rungs)


def rung_of(document: ClimbDocument, name: str) -> Any:
    """One rung's record."""
    return next(rung for rung in document.rungs if rung.rung == name)


def as_text(document: ClimbDocument) -> str:
    """The document as JSON text."""
    from rung.registry.documents import as_json

    return json.dumps(as_json(document), ensure_ascii=False)
