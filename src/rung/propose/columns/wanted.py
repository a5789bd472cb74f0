"""What was said outright about a file, which no guess goes against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the options of `rung init` say of columns; empty where it is left to the guess.

    input   names of columns, or one template with {column} in braces
    target  names of columns
    """

    input: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
