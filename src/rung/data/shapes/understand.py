"""What a whole file's rows say: which shape they have, what each row says by it, and what only the file as a whole shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rung.data.inferred import Inference
from rung.data.read.rows import ReadRow, Row, RowError
from rung.data.shapes.parts import Parts
from rung.data.shapes.recognise import convert_row, shape_of

SAMPLED = 1_000
FEWEST_SHAPED = 0.5  # of the rows: below that the names of the fields are a chance, and the columns are asked about
FEWEST_OF_A_SHAPE = 0.1  # of the shaped rows: a shape that fewer have is a slip, and those are bad rows


class Outcome(NamedTuple):
    """A row, and what it says or why it says nothing."""

    line: int
    row: Row
    parts: Parts | RowError


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A file's rows as their shapes have them. `left_out` counts, by the reason, the rows that are good and take no part."""

    title: str
    outcomes: Iterable[Outcome]
    left_out: Mapping[str, int] = field(default_factory=dict)
    inferences: tuple[Inference, ...] = ()


def titles_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The shapes that a file's rows have, the most frequent first; none where most rows have none: columns must be named."""
    if not any(map(shape_of, _sample(rows))):
        return ()
    counts = Counter(title for row in rows if (title := shape_of(row)))
    shaped = counts.total()
    if shaped < FEWEST_SHAPED * len(rows):
        return ()
    return tuple(title for title, count in counts.most_common() if count >= FEWEST_OF_A_SHAPE * shaped)


def understand(rows: Sequence[ReadRow]) -> Understood | None:
    """The rows by their shapes, or None where they have none."""
    titles = titles_of([row for _, row in rows])
    if not titles:
        return None
    outcomes = [Outcome(line, row, _parts(row, titles)) for line, row in rows]
    return Understood(title=titles[0], outcomes=outcomes, inferences=(*_mixed(outcomes, titles), *_noted(outcomes)))


def _sample(rows: Sequence[Row]) -> Sequence[Row]:
    return rows[:: max(len(rows) // SAMPLED, 1)]


def _parts(row: Row, titles: Sequence[str]) -> Parts | RowError:
    found = shape_of(row)
    if found is None or found not in titles:
        has = f"is shaped {found}" if found else f"has only {', '.join(list(row)[:8]) or 'no fields'}"
        return RowError(f"the row {has}; the file's rows are shaped {titles[0]}")
    try:
        return convert_row(row, found)
    except RowError as error:
        return error


def _mixed(outcomes: Sequence[Outcome], titles: Sequence[str]) -> list[Inference]:
    if len(titles) == 1:
        return []
    counts = Counter(shape_of(outcome.row) for outcome in outcomes)
    told = ", ".join(f"{counts[title]:,} are shaped {title}" for title in titles)
    return [Inference(about="shape", taken="each row is read by its own shape", because=f"of {len(outcomes):,} rows {told}")]


def _noted(outcomes: Sequence[Outcome]) -> list[Inference]:
    """What was inferred in rows, once for all that say the same, with their number."""
    counts = Counter(note for outcome in outcomes if isinstance(outcome.parts, Parts) for note in outcome.parts.inferences)
    rows = len(outcomes)
    return [replace(note, because=f"{note.because} ({count:,} of {rows:,} rows)") for note, count in counts.items()]
