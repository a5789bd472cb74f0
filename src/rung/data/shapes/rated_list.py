"""Several answers to one question, each with a score or a rank: {"instruction", "completions": [{"response", "score"}]}."""

from __future__ import annotations

from typing import Any, NamedTuple

from rung.data.inferred import Inference
from rung.data.read.rows import Row, RowError
from rung.data.shapes.asked import asked_of, question_key
from rung.data.shapes.conversation import filled
from rung.data.shapes.parts import LeftOut, Parts, tools_of
from rung.data.shapes.turns import listed

TITLE = "rated answers"
ORDER = 16
EXAMPLE = '{"prompt", "responses": [{"text", "score"}]}'
FIELDS = ("prompt", "question", "instruction", "completions", "responses", "answers", "candidates", "outputs")
LIST_KEYS = ("completions", "responses", "candidates", "answers", "outputs", "generations")
TEXT_KEYS = ("response", "text", "content", "completion", "answer", "output", "body")
SCORE_KEYS = ("overall_score", "score", "rating", "reward", "overall", "votes", "fine-grained_score", "quality")
RANK_KEYS = ("rank", "ranking")
BESIDE = ("scores", "ratings", "rewards", "ranks", "rankings")
SAME = "rows whose answers are all rated alike"


class Rated(NamedTuple):
    """An answer, and how good it is: more is better."""

    value: float
    text: Any


def fits(row: Row) -> bool:
    """Whether the row has a question and a list of answers with a score each."""
    key = _key(row)
    return key is not None and question_key(_without(row, key)) is not None


def convert(row: Row) -> Parts:
    """The best answer is the target, the worst is kept beside it. A row whose answers are all rated alike is left out."""
    key = _key(row) or ""
    rated, measure = _rated(row, key)
    best, worst = max(rated, key=lambda one: one.value), min(rated, key=lambda one: one.value)
    if best.value == worst.value and len(rated) > 1:
        raise LeftOut(SAME)
    asked, notes = asked_of(_without(row, key))
    note = Inference(
        about="target", taken=f"the best of the {key}", because=f"each has a {measure}; the worst is kept as the rejected one"
    )
    return Parts(
        messages=asked,
        target=filled(best.text, "the best answer"),
        tools=tools_of(row),
        rejected=filled(worst.text, "the worst answer") if len(rated) > 1 else None,
        inferences=(*notes, note),
    )


def _without(row: Row, key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _key(row: Row) -> str | None:
    return next((key for key in LIST_KEYS if key in row and _is_rated(row, listed(row[key]))), None)


def _is_rated(row: Row, entries: list[Any] | None) -> bool:
    if not entries:
        return False
    first = entries[0]
    if isinstance(first, str):
        return any(len(listed(row.get(name)) or []) == len(entries) for name in BESIDE)
    return (
        isinstance(first, dict)
        and any(key in first for key in TEXT_KEYS)
        and any(key in first for key in (*SCORE_KEYS, *RANK_KEYS))
    )


def _rated(row: Row, key: str) -> tuple[list[Rated], str]:
    """The answers with their values, and what these are called."""
    entries = listed(row[key]) or []
    if isinstance(entries[0], str):
        beside = next(name for name in BESIDE if len(listed(row.get(name)) or []) == len(entries))
        sign = -1.0 if beside.startswith("rank") else 1.0
        values = [sign * _number(value, beside) for value in listed(row[beside]) or []]
        return [Rated(value, text) for value, text in zip(values, entries, strict=True)], beside.removesuffix("s")
    measure = next(name for name in (*SCORE_KEYS, *RANK_KEYS) if name in entries[0])
    sign = -1.0 if measure in RANK_KEYS else 1.0
    return [Rated(sign * _number(_field(entry, (measure,)), measure), _field(entry, TEXT_KEYS)) for entry in entries], measure


def _field(entry: Any, keys: tuple[str, ...]) -> Any:
    return next((entry[key] for key in keys if key in entry), None) if isinstance(entry, dict) else None


def _number(value: Any, measure: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RowError(f"an answer's {measure} is {value!r}, which is no number") from None
