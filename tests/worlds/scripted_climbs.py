"""Climbs on the scripted model, with an adapter rung that trains nothing: the script takes any adapter for what it has learnt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.cli.worlds import named_cause, open_worlds
from rung.climb.climb import climb
from rung.progress import Silent
from rung.rungs import r4_adapter
from rung.task.load import load_task
from rung.types import Candidate

worlds = open_worlds()
SIZE = worlds.Size(train=48, dev=48, test=72)
SKILL = 0.98
# Searches as small as they get: what is tested is which rung is chosen, not what it is made of.
SETTINGS = {
    "r0_linear": {"penalties": [1.0], "folds": 2},
    "r1_prompt": {"demonstrations": [4], "calibrate": False},
    "r2_retrieve": {"modes": ["lexical"], "chunk_chars": [400], "passages": [1], "forms": ["question_last"]},
    "r3_tools": {"steps": 1, "demonstrations": [2], "pool_rows": 4},
}


def _learnt(task, parent, context) -> Candidate:
    """The Candidate that an adapter would be: its folder says rank 1, so that there is no cheaper form of it."""
    backend = context.runtime.backend_for(task.base)
    folder = context.work / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 1}')
    start = parent or Candidate(rung="r4_adapter", base=backend.reference, prompt=task.instruction)
    return replace(start, rung="r4_adapter", demonstrations=None, adapters=(context.blobs.put_tree(folder),), parent=None)


@contextmanager
def learning() -> Iterator[None]:
    """The adapter rung applies to scripted bases for as long as the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(r4_adapter, "NEEDS_WEIGHTS", False)
        patch.setattr(r4_adapter, "build", _learnt)
        yield


def climb_all(name: str, seed: int, home: Any, folder: Path, skill: float) -> Any:
    """A world, climbed and diagnosed: its Outcome."""
    world = worlds.WORLDS[name](seed, SIZE)
    task_file = world.write(folder / f"{name}-{seed}", worlds.SCRIPTED, skill=skill, seed=seed, rungs=SETTINGS)
    task = load_task(task_file, home.downloads)
    document = climb(task, home, progress=Silent())
    named = named_cause(task, document, home, Silent())
    truth = world.truth(world.rung, skill) if world.rung else 0.0
    return worlds.scoring.outcome(world, document, named, truth, skill)
