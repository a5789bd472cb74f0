"""What is said where no column can be the question, or none the answer: why, which could be, and the command that says it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rung.errors import UserError
from rung.propose.columns import words
from rung.propose.columns.answers import is_beside, names_answer
from rung.propose.columns.column import Column
from rung.propose.columns.wanted import Chosen, listed

Missing = Literal["question", "answer"]
OPTION: Mapping[Missing, str] = {"question": "--input", "answer": "--target"}
MOST_CANDIDATES = 9
NOTHING_LEFT: Mapping[Missing, str] = {
    "question": "No column is left that could be the question. ",
    "answer": "No column is left that could be the answer: without right answers nothing can be compared; add a column with them. ",
}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A column that it could be, and how it looks."""

    name: str
    look: str


class Undecided(UserError):
    """Nothing in the file says which column is the question, or which is the answer.

    missing     what nobody said
    candidates  columns that it could be, the likeliest first
    inputs      columns of the question, where those are known; the likeliest where they are not
    """

    def __init__(self, *, missing: Missing, candidates: Sequence[Candidate], inputs: Sequence[str], shown: str, hint: str) -> None:
        super().__init__(f"no column looks like the {missing}", where=shown, hint=hint)
        self.missing: Missing = missing
        self.candidates = tuple(candidates)
        self.inputs = tuple(inputs)


def undecided(columns: Mapping[str, Column], shown: str, *, missing: Missing, texts: Sequence[str], chosen: Chosen) -> Undecided:
    """The error, with every candidate and the command to run."""
    inputs = tuple(chosen.inputs or texts) if missing == "answer" else ()
    candidates = _candidates(columns, missing, inputs, chosen)
    constant = [column for column in columns.values() if column.filled == column.rows > 1 and len(column.values) == 1]
    same = "".join(
        f"Every row says '{_short(next(iter(c.values)))}' under {c.name}: are other rows missing? " for c in constant[:3]
    )
    asked = ",".join(inputs[:4]) or ("QUESTION" if missing == "question" else "COLUMN")
    if missing == "question" and candidates:
        asked = candidates[0]
    target = ",".join(chosen.targets) or next((name for name in candidates if name not in asked.split(",")), "ANSWER")
    command = f"rung init {shlex.quote(shown)} --input {shlex.quote(asked)} --target {shlex.quote(target)}"
    could = f"It could be {' or '.join(candidates)}. " if candidates else NOTHING_LEFT[missing]
    hint = f"{same}{could}Say which: {command}. Or write a draft and fill it in: --draft. Columns: {listed(columns)}."
    shown_candidates = [Candidate(name=name, look=_look(columns[name])) for name in candidates]
    return Undecided(missing=missing, candidates=shown_candidates, inputs=inputs, shown=shown, hint=hint)


def _candidates(columns: Mapping[str, Column], missing: Missing, inputs: Sequence[str], chosen: Chosen) -> list[str]:
    """Columns with more than one value that are not taken; those that are no id, date or the like first."""
    free = [column for column in columns.values() if len(column.values) > 1 and column.name not in (*inputs, *chosen.targets)]
    tools = [
        column for column in free if column.look in ("list", "object") and missing == "answer" and not names_answer(column.called)
    ]
    likely = [column for column in free if not is_beside(column) and column not in tools]
    ranked = sorted(likely, key=lambda column: (not column.is_closed_set, -column.share_filled)) if missing == "answer" else likely
    return [column.name for column in ranked or (_no_ids(free) if missing == "question" else [])][:MOST_CANDIDATES]


def _no_ids(columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if column.called.head not in words.CODED]


def _look(column: Column) -> str:
    """How many different values a column has, and one or two of them."""
    values = ", ".join(f"'{_short(value)}'" for value, _ in column.values.most_common(2))
    return f"{len(column.values):,} different, such as {values}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
