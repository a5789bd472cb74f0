"""A task small enough to climb in seconds on the tiny model, and not so easy that the first rung passes."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import yaml

GOOD = ("great", "love", "thank you", "works", "five stars")
BAD = ("broken", "late", "worst", "missing", "refund")
THINGS = ("the phone", "my order", "this screen", "the charger", "your team", "the box", "that ticket", "the service")


def write_toy(
    folder: Path, base: Path, *, rows: int = 260, first: int = 0, noise: float = 0.3, at_least: float = 0.9, **extra: object
) -> Path:
    """Writes messages.csv and task.yaml; `noise` of the labels are turned round, so that the best possible score is the rest.

    Messages are numbered from `first`: two tasks with other numbers have no row in common.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(7)
    with (folder / "messages.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "tone"])
        for number in range(first, first + rows):
            good = draw.random() < 0.5
            word = draw.choice(GOOD if good else BAD)
            told = good if draw.random() >= noise else not good
            writer.writerow([f"{draw.choice(THINGS)} {number}: {word}", "positive" if told else "negative"])
    settings = {
        "r1_prompt": {"demonstrations": [2], "dev_rows": 20, "calibration_rows": 20},
        "r4_adapter": {"rank": 4, "epochs": 2, "batch_rows": 8, "learning_rate": 0.01, "dev_rows": 20},
        "r5_full": {"epochs": 1, "batch_rows": 8, "dev_rows": 20},
    }
    task = {
        "name": "toy",
        "base": str(base),
        "instruction": "Is the message positive or negative?",
        "data": {
            "examples": "messages.csv",
            "columns": {"input": "text", "target": "tone"},
            "split": {"train": 80, "dev": 40, "test": 140},
        },
        "quality": {"scorer": "choice", "at_least": at_least},
        "rungs": settings,
        **extra,
    }
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return path
