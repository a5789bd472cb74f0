"""What became of questions, counted by minutes and by who answered: rates, times, tokens, errors, feedback."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rung.serve.dashboard.data import Question

MINUTES = 60
# As they are counted: what was answered, though in another way than asked; what failed; what was not let in.
ANSWERED = ("answered", "fallback")
ERRORS = ("failed", "late", "died")


@dataclass(frozen=True, kw_only=True)
class Minute:
    """What was asked in one minute. Times are None where nothing was answered."""

    at: datetime
    asked: int
    errors: int
    refused: int
    p50_s: float | None
    p95_s: float | None
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What became of the questions of MINUTES minutes that `ref` answered, or all.

    open      are being answered
    held_back answers that rails withheld or held, or that came from another in their place
    scored    how many have feedback; `mean` of their scores in [0, 1], a thumb counting as 0 or 1
    """

    ref: str
    asked: int
    answered: int
    errors: int
    refused: int
    left: int
    open: int
    held_back: int
    p50_s: float | None
    p95_s: float | None
    first_p50_s: float | None
    first_p95_s: float | None
    tokens_in: int
    tokens_out: int
    up: int
    down: int
    scored: int
    mean: float | None
    minutes: tuple[Minute, ...]

    @property
    def a_minute(self) -> float:
        """Questions a minute, over all minutes that are looked at."""
        return self.asked / max(1, len(self.minutes))

    @property
    def error_share(self) -> float | None:
        """Of what has ended and was let in, what failed."""
        ended = self.asked - self.open - self.refused
        return self.errors / ended if ended else None


def beginning(now: datetime) -> datetime:
    """The first moment of the minutes that are looked at; the last is the one that goes on now."""
    return now.astimezone(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)


def figures(mine: Sequence[Question], now: datetime, ref: str = "") -> Figures:
    """Of these questions, which `ref` answered; "" where several did."""
    times = sorted(one.latency_s for one in mine if one.latency_s is not None and one.ending in ANSWERED)
    firsts = sorted(one.first_s for one in mine if one.first_s is not None)
    scores = [score for one in mine if (score := _score(one)) is not None]
    thumbs = [said.thumb for one in mine for said in one.feedback]
    return Figures(
        ref=ref,
        asked=len(mine),
        answered=sum(one.ending in ANSWERED for one in mine),
        errors=sum(one.ending in ERRORS for one in mine),
        refused=sum(one.ending == "refused" for one in mine),
        left=sum(one.ending == "gone" for one in mine),
        open=sum(not one.ending for one in mine),
        held_back=sum(one.ending in ("fallback", "withheld", "held") for one in mine),
        p50_s=quantile(times, 0.5),
        p95_s=quantile(times, 0.95),
        first_p50_s=quantile(firsts, 0.5),
        first_p95_s=quantile(firsts, 0.95),
        tokens_in=sum(one.prompt_tokens or 0 for one in mine),
        tokens_out=sum(one.completion_tokens or 0 for one in mine),
        up=thumbs.count("up"),
        down=thumbs.count("down"),
        scored=len(scores),
        mean=sum(scores) / len(scores) if scores else None,
        minutes=tuple(_minutes(mine, now)),
    )


def by_ref(questions: Sequence[Question], now: datetime, most: int) -> list[Figures]:
    """Of each that answered, the most asked first, `most` at most; what nothing answered is in the whole alone."""
    groups: dict[str, list[Question]] = {}
    for one in questions:
        if one.ref:
            groups.setdefault(one.ref, []).append(one)
    ordered = sorted(groups, key=lambda ref: (-len(groups[ref]), ref))
    return [figures(groups[ref], now, ref) for ref in ordered[:most]]


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least of the values that so many of them do not exceed; None of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _minutes(questions: Iterable[Question], now: datetime) -> Iterable[Minute]:
    start = beginning(now)
    kept: list[list[Question]] = [[] for _ in range(MINUTES)]
    for one in questions:
        place = _place(one.created, start)
        if 0 <= place < MINUTES:
            kept[place].append(one)
    for place, some in enumerate(kept):
        times = sorted(one.latency_s for one in some if one.latency_s is not None and one.ending in ANSWERED)
        yield Minute(
            at=start + timedelta(minutes=place),
            asked=len(some),
            errors=sum(one.ending in ERRORS for one in some),
            refused=sum(one.ending == "refused" for one in some),
            p50_s=quantile(times, 0.5),
            p95_s=quantile(times, 0.95),
            tokens=sum((one.prompt_tokens or 0) + (one.completion_tokens or 0) for one in some),
        )


def _place(moment: str, start: datetime) -> int:
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return -1
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int((when - start).total_seconds() // 60)


def _score(question: Question) -> float | None:
    """What was said of an answer last, as a score."""
    for said in reversed(question.feedback):
        if said.score is not None:
            return said.score
        if said.thumb:
            return 1.0 if said.thumb == "up" else 0.0
    return None
