"""What a prompt, a template or a Modelfile from outside amounts to here; what of it is lost is told, not dropped without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import UserError
from rung.escapes import quoted

LONGEST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and its answer, shown before what is asked."""

    user: str
    assistant: str


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """prompt      the system message
    turns       shown before every question, in this order
    max_tokens  None where it does not say
    schema      that answers are held to
    base        a reference to a model that it names and that is on this machine; "" where there is none
    named       what it calls a model that only another program knows by that name
    adapter     the folder of an adapter that it names
    claimed     what it says of itself
    notes       what of it is not kept, or kept in another form, each with its line where it has one
    """

    prompt: str = ""
    turns: tuple[Turn, ...] = ()
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    base: str = ""
    named: str = ""
    adapter: Path | None = None
    claimed: str = ""
    notes: tuple[str, ...] = ()


def whole_number(value: Any, key: str, where: str) -> int:
    """Of a limit of tokens. Raises UserError for what is none."""
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if isinstance(value, bool) or not 0 < number <= LONGEST:
        raise UserError(f"{key} is {quoted(str(value))}, not a whole number from 1", where=where, hint="Write such as 256.")
    return number
