"""The probes on a scripted base with planted behaviour: each world's cause leads, and says which rung mends it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planted import write

from rung.climb.diagnose import diagnose
from rung.progress import Silent
from rung.registry.home import open_home
from rung.verify.spec import load_task


def look(task_file: Path, home: Path) -> dict:
    with open_home(home, write=True) as opened:
        told = diagnose(load_task(task_file, opened.downloads), opened, progress=Silent()).as_json()
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
    told = look(write(tmp_path / "task", kind), home)
    assert (told["cause"], told["rung"]) == (kind, rung), told["sentence"]
    assert sum(line["flipped"] for line in told["attribution"]) == told["failures"]
    assert told["n"] == 80
