"""What a tenant may ask for and take, as a person writes it: `models=spam,legal-* requests_per_minute=60`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from rung.errors import UserError, did_you_mean
from rung.escapes import is_plain, quoted

NONE = "none"
MOST = 10**15
LONGEST_PATTERN, MOST_PATTERNS = 200, 1_000


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a tenant may ask for and take; of what is None there is no bound.

    models                  names it may ask for, as shell patterns; the bare base goes by the pattern `base`
    tools                   those of a Candidate's tools that it may have called, as patterns
    at_once                 questions under way
    tokens_per_...          those of questions and answers together
    usd_per_million_tokens  what a token counts for where the answer itself tells no price
    """

    models: tuple[str, ...] = ("*",)
    tools: tuple[str, ...] = ("*",)
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    at_once: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    usd_per_day: float | None = None
    usd_per_month: float | None = None
    usd_per_million_tokens: float | None = None

    @property
    def has_budget(self) -> bool:
        """Whether anything is bounded that is counted by the day or the month."""
        return any(
            bound is not None for bound in (self.tokens_per_day, self.tokens_per_month, self.usd_per_day, self.usd_per_month)
        )


PATTERNS, MONEY = ("models", "tools"), ("usd_per_day", "usd_per_month", "usd_per_million_tokens")
SETTINGS = tuple(field.name for field in fields(Scope))


def changed(scope: Scope, said: Mapping[str, Any]) -> Scope:
    """The scope with what is said in the place of what was; None lifts a bound.

    Raises UserError for a setting that is not known, for a value that it cannot have, and for a budget in money whose price is
    not known.
    """
    for name in said:
        if name not in SETTINGS:
            raise UserError(f"a tenant has no setting {quoted(str(name))}", hint=did_you_mean(str(name), SETTINGS))
    new = replace(scope, **{name: _read(name, value) for name, value in said.items()})
    if (new.usd_per_day is not None or new.usd_per_month is not None) and new.usd_per_million_tokens is None:
        raise UserError(
            "a budget in dollars needs a price: a model on this machine bills nothing",
            hint="Say what a million tokens count for: usd_per_million_tokens=0.50, or bound tokens_per_day in its place.",
        )
    return new


def read_words(words: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE` as a person writes them; `none` is no bound, and of patterns none at all.

    Raises UserError for a word that is none, and for a setting that is said twice.
    """
    said: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{quoted(word)} is no setting", hint="Write NAME=VALUE: requests_per_minute=60 models=spam,legal-*")
        name = name.strip().replace("-", "_")
        if name in said:
            raise UserError(f"{name} is said twice")
        said[name] = _from_word(name, value.strip())
    return said


def told(scope: Scope) -> dict[str, Any]:
    """The scope as JSON, without what stands at its default."""
    usual = Scope()
    values = {name: getattr(scope, name) for name in SETTINGS}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value != getattr(usual, name)
    }


def _from_word(name: str, value: str) -> Any:
    if name in PATTERNS:
        return [] if value.lower() == NONE else [part.strip() for part in value.split(",")]
    if value.lower() == NONE:
        return None
    try:
        return float(value) if name in MONEY else int(value.replace("_", ""))
    except ValueError:
        return value


def _read(name: str, value: Any) -> Any:
    if name in PATTERNS:
        return _patterns(name, value)
    if value is None:
        return None
    if name in MONEY:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= MOST:
            raise UserError(f"{name} cannot be {quoted(str(value))}", hint=f"Write an amount above 0: {name}=5, or {name}=none.")
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST:
        raise UserError(f"{name} cannot be {quoted(str(value))}", hint=f"Write a whole number above 0: {name}=60, or {name}=none.")
    return value


def _patterns(name: str, value: Any) -> tuple[str, ...]:
    parts = list(value) if isinstance(value, list | tuple) else [value]
    for part in parts:
        if not isinstance(part, str) or not part or len(part) > LONGEST_PATTERN or not is_plain(part) or " " in part or "," in part:
            hint = f"Write patterns with commas between: {name}=spam,legal-*. {name}={NONE} allows none."
            raise UserError(f"{quoted(str(part))} is no pattern of {name}", hint=hint)
    if len(parts) > MOST_PATTERNS:
        raise UserError(f"{len(parts):,} patterns of {name} are too many", hint=f"At most {MOST_PATTERNS:,}: write them wider.")
    return tuple(dict.fromkeys(parts))
