"""A server that answers nothing: it is told early, before more is paid for nothing, and its silence is not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rung.engine.answer import forget
from rung.engine.runtime import Runtime
from rung.errors import UserError
from rung.types import Candidate, Row, Task
from rung.verify.missing import is_none, remarks

ENOUGH = 20  # answers in a row that are none, from which on nothing more is asked
A_FEW = 3  # from which on nothing is concluded before more have come


@dataclass(frozen=True)
class Heard:
    """What a Candidate answered, in the order in which it was asked."""

    candidate: Candidate
    rows: Sequence[Row]

    @property
    def silent(self) -> int:
        """How many of the last answers are none. An empty one that is right is none of these."""
        heard = next((n for n, row in enumerate(reversed(self.rows)) if not _says_nothing(row)), None)
        return len(self.rows) if heard is None else heard

    @property
    def since(self) -> Sequence[Row]:
        """The rows since when it has said nothing."""
        return self.rows[len(self.rows) - self.silent :]


def refuse_silence(asked: Sequence[Heard], task: Task, runtime: Runtime) -> None:
    """Raises UserError where a server's last answers, enough to tell, are all none, whoever of these Candidates it was asked as.

    Whatever of theirs to the task's rows is none is forgotten: once the server is mended, it is asked anew.
    """
    silent = [row for one in asked for row in one.since]
    if len(silent) < ENOUGH or any(one.silent < min(ENOUGH, len(one.rows)) for one in asked):
        return
    if not asked[0].candidate.base_reference.is_server:
        return
    for one in asked:
        forget(one.candidate, task.examples, runtime, is_none)
    answers = [row.answer for row in silent]
    faults = Counter(answer.fault for answer in answers if answer.fault).most_common(1)
    said = "; ".join((*remarks(answers), *(fault for fault, _ in faults)))
    which = "" if len(silent) == sum(len(one.rows) for one in asked) else "the last "
    raise UserError(
        f"not one of {which}{len(answers):,} questions was answered: {said}",
        where=str(asked[0].candidate.base_reference),
        hint="Answers that the limit ended need more room (max_tokens of the rung); else ask the server one row by hand, and mend "
        "it. Then run the same command again: these questions are asked anew.",
    )


def falls_silent(asked: Heard) -> bool:
    """Whether a server's last answers are none, too few to tell: what they mean shows with those that follow."""
    return asked.silent >= A_FEW and asked.candidate.base_reference.is_server


def _says_nothing(row: Row) -> bool:
    return is_none(row.answer) and all(score.value is None for score in row.scores.values())
