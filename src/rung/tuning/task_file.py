"""The task file of a fine-tuning job: its rows, its check, and the rungs that train weights with the hyperparameters asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rung import plugins
from rung.data.load import load_examples
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns
from rung.disk import write_whole
from rung.propose.scorer import bar_for, chosen_scorer, kind_of, scorer_for
from rung.registry.tunings import Hyperparameters, Tuning
from rung.rungs.base import Rung, ladder
from rung.rungs.training import usual_rate
from rung.task.yaml12 import write_yaml
from rung.tuning.rows import FILE, Written
from rung.types import Example
from rung.verify.near_misses.kinds import KIND_NAMES

TASK = "task.yaml"
COLUMNS = {"split": "split", "group": "group"}
BATCH_ROWS, FEWEST_BATCHES = 16, 8
# A file of few rows is passed over until so many steps are taken, but not more often than this.
STEPS, EPOCHS, MOST_EPOCHS = 30, 2, 10
# Without a bar of its own a job is not refused for a check that its rows are too few to decide by.
LEAST_BAR = 0.01


def trained_rungs() -> list[Rung]:
    """The rungs that train weights, the cheapest first."""
    return [rung for rung in ladder() if rung.trains]


def write_task_file(tuning: Tuning, folder: Path, written: Written, downloads: Path) -> Path:
    """Writes the task file beside its rows. Raises UserError for rows that no scorer can be found for."""
    asked = tuning.asked
    quality = _quality(tuning, _examples(folder, downloads))
    task = {
        "name": tuning.name,
        "base": asked.base,
        "data": {"examples": FILE, "columns": COLUMNS, "bad_rows": 0, "allow_leaks": True},
        "quality": quality,
        "seed": asked.seed,
        "rungs": _rungs(asked.hyperparameters, written.train, several=asked.at_least is not None),
    }
    about = f"# Written for {tuning.id}, a fine-tuning job; `rung tune {tuning.id}` does it.\n"
    path = folder / TASK
    write_whole(path, about + write_yaml(task))
    return path


def with_bar(path: Path, at_least: float) -> None:
    """Rewrites the file with another bar."""
    from rung.task.positions import read_yaml

    text = path.read_text("utf-8")
    task = read_yaml(path).value
    task["quality"]["at_least"] = at_least
    write_whole(path, text.partition("\n")[0] + "\n" + write_yaml(task))


def _examples(folder: Path, downloads: Path) -> Sequence[Example]:
    source = Source(reference=FILE, base_folder=folder, downloads=downloads, columns=Columns.read(COLUMNS), bad_rows=0.0)
    return load_examples(source).examples


def _quality(tuning: Tuning, examples: Sequence[Example]) -> dict[str, Any]:
    """The scorer for answers of this kind, and the bar that was asked for, or the one that is proposed for them."""
    asked = tuning.asked
    kind, classes = kind_of(examples)
    if any(isinstance(example.target, list) for example in examples):
        kind, classes = "tool calls", {}  # some answers call, others say something
    if asked.scorer:
        kind, name, settings = chosen_scorer(asked.scorer, kind, examples, {})
    else:
        name, settings = scorer_for(kind, examples)
    settings = _without_extras(name, settings)
    if asked.at_least is not None:
        return {"scorer": name, "at_least": asked.at_least, **settings}
    # Near misses that slip are a fault of a bar; here is none that anybody set.
    return {"scorer": name, "at_least": bar_for(kind, classes), **settings, "accepts": list(KIND_NAMES)}


def _without_extras(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A scorer's settings, by its own measure where that needs a package that is not here."""
    needed = getattr(plugins.load("scorers", name), "NEEDS", None)
    if needed and "measure" in settings and find_spec(needed[0]) is None:
        return {**settings, "measure": "f1"}
    return dict(settings)


def _rungs(asked: Hyperparameters, rows: int, *, several: bool) -> dict[str, dict[str, Any]]:
    """Settings of every rung: those that train weights, or the cheapest of them alone; all others are left out."""
    climbed = trained_rungs() if several else trained_rungs()[:1]
    others = {rung.name: {"skip": True} for rung in ladder() if not rung.by_request}
    return others | {rung.name: _settings(asked, rows, rung) for rung in climbed}


def _settings(asked: Hyperparameters, rows: int, rung: Rung) -> dict[str, Any]:
    batch_rows = asked.batch_rows or max(1, min(BATCH_ROWS, rows // FEWEST_BATCHES))
    usual = max(EPOCHS, min(MOST_EPOCHS, math.ceil(STEPS * batch_rows / max(1, rows))))
    settings = {"epochs": asked.epochs or usual, "batch_rows": batch_rows, "train_rows": max(1, rows)}
    return settings | ({"learning_rate": asked.rate_factor * usual_rate(rung)} if asked.rate_factor else {})
