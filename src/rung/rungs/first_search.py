"""How widely a prompt is searched for at first: for a verdict within minutes on the machine at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.data.findings import texts
from rung.engine.backend import CACHED_SHARE
from rung.json_form import canonical_json
from rung.parts import Pace
from rung.types import Example

# Seconds of reading that the search may come to, were every trial asked all of its rows.
FIRST_SEARCH_S = 75
CHARS_PER_TOKEN = 4
# A token that is written costs as much as so many that are read.
READ_PER_WRITTEN = 5
TOKENS_AROUND_A_ROW = 40
DRAWS = 2
MOST_TOKENS_OF_DEMONSTRATIONS = 1000
FEWEST_ROWS, MOST_ROWS = 40, 200


def first_search(rows: Sequence[Example], classes: Mapping[str, int], forms: int, pace: Pace) -> dict[str, Any]:
    """How many demonstrations to try, in how many draws, on how many rows each form. `forms` are those without demonstrations."""
    row = TOKENS_AROUND_A_ROW + sum(map(_chars, rows)) / max(1, len(rows)) / CHARS_PER_TOKEN
    choices = sum(map(len, classes)) / CHARS_PER_TOKEN
    shown = next((k for k in (4, 2) if k * row <= MOST_TOKENS_OF_DEMONSTRATIONS), 0)
    # With demonstrations: the sets that all rows share, the nearest rows, and the calibration on train and on dev.
    shared, nearest = ((1 + seen * shown) * row + choices for seen in (CACHED_SHARE, 1.0))
    tokens = forms * (row + choices) + DRAWS * shared + nearest + 2 * max(shared, nearest)
    if not classes:
        answers = [len(target) / CHARS_PER_TOKEN for target in map(_target, rows)]
        # The plain instruction's answers ramble to the limit, the others are held to the form of the targets.
        tokens += READ_PER_WRITTEN * (forms * sum(answers) / max(1, len(answers)) + 2 * max(answers, default=0))
    affordable = int(min(MOST_ROWS, max(FEWEST_ROWS, FIRST_SEARCH_S * pace.reads / tokens))) // 10 * 10
    sought = {"demonstrations": [shown], "draws": DRAWS} if shown else {"demonstrations": []}
    return sought | {"dev_rows": affordable, "calibration_rows": affordable}


def _target(example: Example) -> str:
    return example.target if isinstance(example.target, str) else canonical_json(example.target)


def _chars(example: Example) -> int:
    return len(texts(example)) + (len(canonical_json(list(example.tools))) if example.tools else len("[]"))
