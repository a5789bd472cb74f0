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
# Fewer rows than a race's second round tell too little.
FEWEST_ROWS, MOST_ROWS = 24, 200


def first_search(rows: Sequence[Example], classes: Mapping[str, int], forms: int, pace: Pace) -> dict[str, Any]:
    """How many demonstrations to try, in how many draws, on how many rows each form. `forms` are those without demonstrations.

    One draw where this machine would take too long over the fewest rows with more.
    """
    row = TOKENS_AROUND_A_ROW + sum(map(_chars, rows)) / max(1, len(rows)) / CHARS_PER_TOKEN
    shown = next((k for k in (4, 2) if k * row <= MOST_TOKENS_OF_DEMONSTRATIONS), 0)
    for draws in range(DRAWS, 0, -1):
        affordable = FIRST_SEARCH_S * pace.reads / _tokens(rows, classes, row, (forms, shown, draws))
        if affordable >= FEWEST_ROWS:
            break
    dev_rows = int(min(MOST_ROWS, max(FEWEST_ROWS, affordable // 10 * 10)))
    sought = {"demonstrations": [shown], "draws": draws} if shown else {"demonstrations": []}
    return sought | {"dev_rows": dev_rows, "calibration_rows": dev_rows}


def _tokens(rows: Sequence[Example], classes: Mapping[str, int], row: float, search: tuple[int, int, int]) -> float:
    """Tokens of reading that a search comes to for each row of dev: its (forms, demonstrations shown, draws of them)."""
    forms, shown, draws = search
    choices = sum(map(len, classes)) / CHARS_PER_TOKEN
    # With demonstrations: the sets that all rows share, the nearest rows, and the calibration on train and on dev.
    shared, nearest = ((1 + seen * shown) * row + choices for seen in (CACHED_SHARE, 1.0))
    tokens = forms * (row + choices) + draws * shared + nearest
    if classes:
        return tokens + 2 * max(shared, nearest)
    answers = [len(target) / CHARS_PER_TOKEN for target in map(_target, rows)]
    # The plain instruction's answers ramble to the limit, the others are held to the form of the targets.
    return tokens + READ_PER_WRITTEN * (forms * sum(answers) / max(1, len(answers)) + 2 * max(answers, default=0))


def _target(example: Example) -> str:
    return example.target if isinstance(example.target, str) else canonical_json(example.target)


def _chars(example: Example) -> int:
    return len(texts(example)) + (len(canonical_json(list(example.tools))) if example.tools else len("[]"))
