"""What a whole file's rows say: which shape they have, what each row says by it, and what only the file as a whole shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rung.data.inferred import Inference
from rung.data.read.rows import ReadRow, Row, RowError
from rung.data.shapes import feedback
from rung.data.shapes.parts import LeftOut, Parts
from rung.data.shapes.recognise import convert_row, fewest_of, shape_of
from rung.types import Finding

SAMPLED = 1_000
FEWEST_OF_A_SHAPE = 0.1  # of the shaped rows: a shape that fewer have is a slip, and those are bad rows
FEWEST_CALLING = 0.1  # of the rows with tools: from there on the calls are what a file is about
FEWEST_EQUIPPED = 0.5  # of the rows, that must have tools or, where fewer have, call
UNEQUIPPED = "rows without tools in a file about calls"


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

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is told of the rows that take no part, wherever the file is used."""
        return tuple(_told(reason, count) for reason, count in self.left_out.items())


def _told(reason: str, count: int) -> Finding:
    said = f"1 {reason.replace('rows', 'row', 1)} is left out" if count == 1 else f"{count:,} {reason} are left out"
    return Finding(severity="info", message=said, check="rows", count=count)


def titles_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The shapes that a file's rows have, the most frequent first; none where most rows have none: columns must be named."""
    if not any(map(shape_of, rows[:: max(len(rows) // SAMPLED, 1)])):
        return ()
    counts = Counter(title for row in rows if (title := shape_of(row)))
    if not counts:
        return ()
    first = counts.most_common(1)[0][0]
    if counts.total() < fewest_of(first) * len(rows):
        return ()
    return tuple(title for title, count in counts.most_common() if count >= FEWEST_OF_A_SHAPE * counts.total())


def understand(rows: Sequence[ReadRow]) -> Understood | None:
    """The rows by their shapes, or None where they have none."""
    titles = titles_of([row for _, row in rows])
    if not titles:
        return None
    outcomes = [Outcome(line, row, _parts(row, titles)) for line, row in rows]
    outcomes, unanswered = _to_answers(outcomes)
    outcomes, calling = _at_calls(outcomes)
    left_out = Counter(str(outcome.parts) for outcome in outcomes if isinstance(outcome.parts, LeftOut))
    outcomes = [outcome for outcome in outcomes if not isinstance(outcome.parts, LeftOut)]
    outcomes, marked, false = _without_bad(outcomes)
    told = (*_mixed(outcomes, titles), *marked, *unanswered, *calling, *_noted(outcomes))
    return Understood(title=titles[0], outcomes=outcomes, left_out=left_out | false, inferences=told)


def _parts(row: Row, titles: Sequence[str]) -> Parts | RowError:
    found = shape_of(row)
    if found is None or found not in titles:
        has = f"is shaped {found}" if found else f"has only {', '.join(list(row)[:8]) or 'no fields'}"
        return RowError(f"the row {has}; the file's rows are shaped {titles[0]}")
    try:
        return convert_row(row, found)
    except RowError as error:
        return error


def _to_answers(outcomes: list[Outcome]) -> tuple[list[Outcome], list[Inference]]:
    """Conversations whose last words are the user's: bad rows where they are few, cut at the last answer where they are not."""
    went_on = sum(isinstance(outcome.parts, Parts) and bool(outcome.parts.went_on) for outcome in outcomes)
    if went_on > FEWEST_OF_A_SHAPE * len(outcomes):
        taken = f"the last answer, without the user's words behind it, in {went_on:,} conversations"
        return outcomes, [Inference(about="target", taken=taken, because="they end with the user's words, which nobody answered")]
    reason = RowError("the last message is the user's, so the row has no answer to learn or compare")
    cut = [isinstance(outcome.parts, Parts) and bool(outcome.parts.went_on) for outcome in outcomes]
    return [outcome._replace(parts=reason) if bad else outcome for outcome, bad in zip(outcomes, cut, strict=True)], []


def _at_calls(outcomes: list[Outcome]) -> tuple[list[Outcome], list[Inference]]:
    """The rows of a file that is about calls, cut at the turn that calls where words stand behind it that its result led to."""
    good = [outcome.parts for outcome in outcomes if isinstance(outcome.parts, Parts)]
    led = sum(parts.call is not None for parts in good)
    calling = led + sum(isinstance(parts.target, list) and bool(parts.target) for parts in good)
    equipped = sum(bool(parts.tools) for parts in good)
    wanted = FEWEST_CALLING * equipped if equipped >= FEWEST_EQUIPPED * len(good) else FEWEST_EQUIPPED * len(good)
    if not calling or calling < wanted:
        return outcomes, []
    because = f"the file is about calls: {calling:,} of {len(good):,} rows end in one, or in words that one led to"
    taken = f"the call of {led:,} rows whose last words follow from its result; those words are left out"
    told = [Inference(about="target", taken=taken, because=because)] if led else []
    cut = [outcome._replace(parts=_at_call(outcome.parts, bool(equipped))) for outcome in outcomes]
    return cut, told


def _at_call(parts: Parts | RowError, tools_wanted: bool) -> Parts | RowError:
    if isinstance(parts, RowError):
        return parts
    if parts.call is not None:
        return replace(parts, messages=list(parts.call.asked), target=list(parts.call.calls), call=None)
    return LeftOut(UNEQUIPPED) if tools_wanted and not parts.tools and isinstance(parts.target, str) else parts


def _without_bad(outcomes: list[Outcome]) -> tuple[list[Outcome], list[Inference], Counter[str]]:
    good = [(outcome.row, outcome.parts) for outcome in outcomes if isinstance(outcome.parts, Parts)]
    key = feedback.mark_of(good)
    if key is None:
        return outcomes, [], Counter()
    kept, told = feedback.without_bad(good, key)
    parts = iter(kept)
    marked = [(outcome, next(parts) if isinstance(outcome.parts, Parts) else outcome.parts) for outcome in outcomes]
    left = [outcome._replace(parts=found) for outcome, found in marked if found is not None]
    return left, [told], Counter({feedback.left_out_as(key): kept.count(None)})


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
