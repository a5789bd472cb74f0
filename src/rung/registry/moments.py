"""Moments as the history writes them and as a person asks for them: UTC, ISO 8601, to the millisecond; text sorts as time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from rung.errors import UserError

LAST_OF_A_DAY = time(23, 59, 59, 999000)
FORMS = "Write 2026-11-03 (the end of that day, UTC), 2026-11-03T14:30 (UTC), or with an offset: 2026-11-03T14:30+01:00."


def written(moment: datetime) -> str:
    """A moment with a zone, as the history writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def read_moment(text: str) -> str:
    """The moment that `text` names, as the history writes it; a date alone is the end of that day, and no zone is UTC.

    Raises UserError for what is none.
    """
    try:
        return written(_read(text.strip()))
    except (ValueError, OverflowError):
        raise UserError(f"'{text}' is no moment", hint=FORMS) from None


def _read(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), LAST_OF_A_DAY, UTC)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
