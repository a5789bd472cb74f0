"""What is wrong with something that is to be admitted: all of it at once, each with its file and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.errors import UserError
from rung.escapes import quoted

SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`file` is its name within what is admitted, "" for the whole of it; `said` is what is wrong, `hint` how to mend it."""

    file: str
    said: str
    hint: str = ""

    @property
    def line(self) -> str:
        """`'optimizer.pt': a pickle, ...`."""
        return f"{quoted(self.file)}: {self.said}" if self.file else self.said


def refusal(path: Path | str, faults: Sequence[Fault]) -> UserError:
    """One error that names every fault. The hints are those of the faults, each once."""
    hints = " ".join(dict.fromkeys(fault.hint for fault in faults if fault.hint))
    if len(faults) == 1:
        return UserError(f"not admitted: {faults[0].line}", where=str(path), hint=hints)
    lines = [f"  - {fault.line}" for fault in faults[:SHOWN]]
    more = [f"  - and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    return UserError("\n".join([f"not admitted, for {len(faults)} reasons:", *lines, *more]), where=str(path), hint=hints)


def of_error(error: UserError, folder: Path) -> Fault:
    """What a reader of the copy in `folder` says, as a fault of what was copied: the copy is nobody's but ours."""
    where = error.where.removeprefix(str(folder)).lstrip("/") if error.where.startswith(str(folder)) else ""
    return Fault(file=where, said=error.problem, hint=error.hint)
