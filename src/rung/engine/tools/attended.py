"""How a Candidate's calls go where somebody waits for the answer: who may have what called, and what was called before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

# What comes of a call that a person must be asked about (`Answer.calls`).
QUEUED = "queued"


@dataclass(frozen=True, kw_only=True)
class Attended:
    """A call whose consequence needs a person ends the answer there: `calls` then has it, queued, and nothing is made of it.

    made     calls that were made for this question already, with what came of each: the conversation goes on behind them
    allowed  the tools that whoever asks may have called, as shell patterns
    most     calls of one answer at most, with those that were made; None for as many as the Candidate makes
    """

    made: tuple[Mapping[str, Any], ...] = ()
    allowed: tuple[str, ...] = ("*",)
    most: int | None = None

    def allows(self, tool: str) -> bool:
        """Whether whoever asks may have a tool called."""
        return any(fnmatchcase(tool, pattern) for pattern in self.allowed)


def waiting(calls: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The calls that a person must be asked about."""
    return [call for call in calls if call["outcome"] == QUEUED]
