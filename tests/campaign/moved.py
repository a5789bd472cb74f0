"""Names on a scripted base, and another base to move them to: each script is right on so many of a name's rows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from toy import write_toy

from rung.climb.at_hand import on_base
from rung.climb.climb import climb
from rung.climb.registered_base import load_task
from rung.engine.bases.resolve import resolve
from rung.parts import ChoiceConstraint
from rung.progress import Silent
from rung.registry.home import Home
from rung.registry.names import Evidence, Version
from rung.types import Candidate

SCRIPT = """
import pathlib, re, zlib
GOOD = ("great", "love", "thank you", "works", "five stars")
RIGHT = {right}
def answer(request):
    with pathlib.Path(__file__).with_suffix(".asked").open("a") as asked:
        asked.write(".")
    text = request["messages"][-1]["content"]
    said = "positive" if any(word in text for word in GOOD) else "negative"
    share = 1.0 if request["adapters"] else RIGHT.get(int(re.findall("[0-9]+", text)[-1]) // 1000, 0.5)
    if zlib.crc32(text.encode()) % 1000 < 1000 * share:
        return said
    return "negative" if said == "positive" else "positive"
"""
# Rows of a name are numbered from so many thousand on: by that a script knows whose they are.
NUMBERS = {"tone": 0, "mail": 1, "slow": 2, "third": 3, "other": 4}
ONLY_THE_PROMPT = {
    **{name: {"skip": True} for name in ("r0_linear", "r4_adapter", "r5_full")},
    "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
}


@dataclass(frozen=True)
class Moving:
    """tone@1 and slow@1, which the prompt made, and mail@1, the champion, which an adapter made; all on the base `old`."""

    folder: Path
    home: Path
    old: str
    new: str

    def task(self, name: str) -> Path:
        return self.folder / name / "task.yaml"


def write_base(folder: Path, name: str, right: Mapping[str, float]) -> str:
    """The reference of a base that is right on this share of a name's rows; under an adapter it is always right."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(SCRIPT.format(right={NUMBERS[of]: share for of, share in right.items()}), "utf-8")
    return f"scripted:{file}#answer"


def asked(base: str) -> int:
    """How many questions it has answered."""
    file = Path(base.removeprefix("scripted:").partition("#")[0]).with_suffix(".asked")
    return len(file.read_text()) if file.exists() else 0


def write_task(folder: Path, name: str, base: str, **extra: object) -> Path:
    """The task of a name, which shares no row with another's."""
    splits = {"train": 40, "dev": 24, "test": 100}
    data = {"examples": "messages.csv", "columns": {"input": "text", "target": "tone"}, "split": splits}
    plain = {"rows": 164, "data": data, "probes": {"dev_rows": 20}, "rungs": ONLY_THE_PROMPT}
    settings = {"at_least": 0.7, "noise": 0.0, "first": 1000 * NUMBERS[name]} | plain | extra
    return write_toy(folder / name, base, name=name, instruction=f"({name}) Is it positive or negative?", **settings)  # type: ignore[arg-type]


def climbed(home: Home, task: Path) -> Version:
    """The version that a climb of the task registers."""
    document = climb(load_task(task, home), home, progress=Silent())
    assert document.version, document.verdict.sentence
    version = home.names.find(document.version)
    assert version is not None
    return version


def adapted(home: Home, task: Path, base: str) -> Version:
    """A version that an adapter made, as its task has it; served as the champion."""
    locked = on_base(load_task(task, home), base)
    home.tasks.add(locked)
    folder = home.path / "made" / locked.name
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 5000)
    candidate = Candidate(
        rung="r4_adapter",
        base=resolve(base, home.path).pinned,
        prompt=locked.instruction,
        constraint=ChoiceConstraint(choices=("negative", "positive")),
        adapters=(home.blobs.put_tree(folder),),
    )
    home.candidates.add(candidate, locked.digest)
    from rung.data.digest import data_digests

    evidence = Evidence(rung="r4_adapter", task=locked.digest, data=data_digests(locked.examples))
    home.names.register(locked.name, candidate.id, evidence)
    home.aliases.move(locked.name, "champion", 1, expected=0, kind="promote")
    version = home.names.find(locked.name)
    assert version is not None
    return version
