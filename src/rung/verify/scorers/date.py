"""The answer is the right date, in whichever way it is written, and the right time of day where the target has one.

All that the target says must be said and right: day, month and year, the time of day, its zone. Which of `03/04/2024` is the day
is taken from all targets together; what that column cannot say is asked for. A time that the answer adds does no harm. Of an answer
that says more than a date, the one date in it counts, or the one behind `The answer is` or `####`; several different ones are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time
from pathlib import Path

from pydantic import BaseModel

from rung.errors import UserError
from rung.types import Example, Score
from rung.verify.column import read_column
from rung.verify.dates import Moment, dates_in, read_date, same_date
from rung.verify.echo import without_question
from rung.verify.items import bare, unfenced
from rung.verify.label_sets import TURNING
from rung.verify.lists import Match
from rung.verify.parse import as_text
from rung.verify.scoring import missing_target

PROPOSED: dict[str, dict[str, object]] = {"date": {}}
LISTS = {
    "match: any": "several right dates: any one of them",
    "match: all": "one answer, a list of exactly these, in any order",
    "match: in_order": "one answer, a list of exactly these in this order",
}
MARKER = re.compile(r"(?:\banswer(?: is)?\b|####)[:\s]*", re.IGNORECASE)
SLASHED = re.compile(r"\d\d/\d\d/\d{4}")
NEGATED = 16  # characters before a date in which a negation is about it
FORMS = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "YYYY-MM-DD"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d"), "YYYY-MM-DDThh:mm"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "YYYY-MM-DD hh:mm"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "YYYY-MM-DDThh:mm:ss"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "YYYY-MM-DD hh:mm:ss"),
    (re.compile(r"\d\d\.\d\d\.\d{4}"), "DD.MM.YYYY"),
)


class Config(BaseModel, extra="forbid", frozen=True):
    """`day_first`: whether `03/04/2024` is the third of April. `time`: whether a time of day must be said, midnight too.

    Left out, as the targets show. `match`: what a list means.
    """

    day_first: bool | None = None
    time: bool | None = None
    match: Match | None = None


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """The order of day and month, and whether times are said, where the settings do not say.

    Raises UserError for a column in doubt, and for one that has no dates.
    """
    targets = [row.target for row in examples]
    column = read_column(targets)
    if column.doubt and column.kind == "date" and config.day_first is None:
        raise UserError(f"the targets can be read in two ways: {column.doubt}", hint="Say day_first: true or day_first: false.")
    first = column.day_first if config.day_first is None else config.day_first
    moments = [moment for target in targets if (moment := read_date(target, day_first=first))]
    if not moments:
        raise UserError("no target is a date with day, month and year", hint="Use the scorer 'exact'.")
    timed = any(moment.time not in (None, time()) for moment in moments) if config.time is None else config.time
    return config.model_copy(update={"day_first": first, "time": timed})


def harmless(config: Config) -> tuple[str, ...]:
    """Words around the date."""
    return ("code fence", "sentence")


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the answer's date is the target's, else 0."""
    target = read_date(example.target, day_first=config.day_first)
    if target is None:
        return Score(value=None, reason=f"the target {example.target!r} is not a date")
    moment, fault = _answered(without_question(output, example), config)
    if moment is None:
        return Score(value=0.0, reason=fault)
    unsaid = target.time is not None and moment.time is None
    if not same_date(moment, target) or (config.time and unsaid):
        only = "no time of day, " if unsaid else ""
        return Score(value=0.0, reason=f"{only}read as {_told(moment)}, expected {_told(target)}")
    return Score(value=1.0)


def check(example: Example, config: Config) -> str | None:
    """The target must be a date in the column's order."""
    if problem := missing_target(example):
        return problem
    if read_date(example.target, day_first=config.day_first):
        return None
    other = read_date(example.target, day_first=not config.day_first) if config.day_first is not None else None
    order = f" with the {'day' if config.day_first else 'month'} first, as the column has it" if other else ""
    return f"the target {example.target!r} is not a date{order}"


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for the date alone, in the form that the targets have."""
    texts = [as_text(row.target).strip() for row in examples if row.target is not None]
    form = next((form for pattern, form in FORMS if texts and all(map(pattern.fullmatch, texts))), "")
    if not form and texts and all(map(SLASHED.fullmatch, texts)):
        form = "DD/MM/YYYY" if config.day_first else "MM/DD/YYYY"
    if form:
        return f"Reply with the date alone, in the form {form}."
    return f"Reply with the date{' and the time of day' if config.time else ''} alone."


def _answered(text: str, config: Config) -> tuple[Moment | None, str]:
    """The date that an answer gives, and why there is none."""
    text = " ".join(unfenced(text).split())
    for whole in (text, bare(text).rstrip(".!")):
        if moment := read_date(whole, day_first=config.day_first):
            return moment, ""
    every = dates_in(text, day_first=config.day_first)
    found = [(place, moment) for place, moment in every if not TURNING.search(text, max(0, place - NEGATED), place)]
    if not found:
        return None, "the answer says only which date it is not" if every else "no date in the answer"
    marked = max((match.end() for match in MARKER.finditer(text)), default=0)
    said = list(dict.fromkeys(moment for place, moment in found if place >= marked) or dict.fromkeys(moment for _, moment in found))
    return (said[0], "") if len(said) == 1 else (None, f"{len(said)} different dates in the answer, where one was asked for")


def _told(moment: Moment) -> str:
    day = (
        f"{moment.day:%d %B} {moment.day.year % 100:02d}"
        if moment.short_year
        else f"{moment.day.day} {moment.day:%B} {moment.day.year}"
    )
    zone = f"{moment.zone:+d} minutes" if isinstance(moment.zone, int) and moment.zone else moment.zone or ""
    return " ".join(filter(None, (day, moment.time.isoformat() if moment.time else "", str(zone))))
