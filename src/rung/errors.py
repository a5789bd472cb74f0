"""What can go wrong, by whose move mends it. The exit code belongs to the class.

RungError
  UserError         2   the input is wrong: says what, where (file:line) and how to mend it
    Busy            2   another process is at it: the same command will do later
  BrokenEnvironment 3   the machine is: no disk, no network, a missing extra, a store of another version
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RungError(Exception):
    """An error that its reader can mend; it is shown without a traceback."""

    exit_code = 2

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        self.problem, self.where, self.hint = problem, where, hint
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """`where: problem` and, on a line of its own, how to mend it."""
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{head}\n  {self.hint}" if self.hint else head


class UserError(RungError):
    """The input is wrong."""

    exit_code = 2


class Busy(UserError):
    """What is asked for is held by another process; the same command will do when that one has finished."""


class BrokenEnvironment(RungError):
    """The machine, its network or the store is not fit for the work."""

    exit_code = 3


# Of a list that is to be read at once.
MOST_LISTED = 40


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` for a near miss, else the list of what is known, cut where it is long."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(names[:MOST_LISTED])}{more}."
