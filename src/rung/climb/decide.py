"""What to do next, from stored facts alone: no model, no clock, no file. A climb can be replayed from its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.types import Status


@dataclass(frozen=True, kw_only=True)
class RungState:
    """What is known of one rung: why it will not be tried (`skipped`) or cannot pass (`exempt`); bars compare with a `baseline`.

    A `cheap` one is tried before it is asked what is missing.
    """

    name: str
    cheap: bool = False
    skipped: str = ""
    exempt: str = ""
    baseline: bool = False
    built: bool = False
    status: Status | None = None
    measured: bool = False
    simplified: bool = False

    @property
    def open(self) -> bool:
        """Whether anything is left to do on this rung itself."""
        return not self.skipped and not (self.built and (self.exempt or self.status is not None))


@dataclass(frozen=True)
class Build:
    """Make the rung's Candidate."""

    rung: str


@dataclass(frozen=True)
class Gate:
    """Let the test split judge the rung's frozen Candidate."""

    rung: str


@dataclass(frozen=True)
class Measure:
    """Put the rung's Candidate to the whole of dev, whose rows the report may show. Comes last: no verdict waits for it."""

    rung: str


@dataclass(frozen=True)
class Simplify:
    """Try the cheaper forms of the passing Candidate."""

    rung: str


@dataclass(frozen=True)
class Finish:
    """Nothing is left to do. `winner` is the lowest rung that passed."""

    status: Status
    winner: str | None


@dataclass(frozen=True)
class Diagnose:
    """Find out what is missing, before any dearer rung is tried."""


Step = Diagnose | Build | Gate | Measure | Simplify | Finish


def next_step(states: Sequence[RungState], *, every: bool, diagnosed: bool) -> Step:
    """The next step of a climb over `states`, cheapest rung first.

    A baseline is built before anything is judged against it. Without `every` the climb ends at the first pass. A rung that fails
    or stays undecided sends the climb one rung up; before the first one that is dear, or before the end without a pass, what is
    missing is `diagnosed`, once.
    """
    for state in states:
        if (state.exempt or state.baseline) and not state.built and not state.skipped:
            return Build(state.name)
    for state in states:
        if state.open and not diagnosed and not state.cheap:
            return Diagnose()
        if state.open:
            return Gate(state.name) if state.built else Build(state.name)
        if state.status == "pass":
            if not state.simplified and _first_pass(states) == state.name:
                return Simplify(state.name)
            if not every:
                break
    if not diagnosed and not _first_pass(states) and any(state.status for state in states):
        return Diagnose()
    unmeasured = next((state.name for state in states if state.built and not state.measured), None)
    return Measure(unmeasured) if unmeasured else Finish(*outcome(states))


def outcome(states: Sequence[RungState]) -> tuple[Status, str | None]:
    """Pass with the lowest passing rung; fail if every rung that was judged failed; else undecided."""
    if winner := _first_pass(states):
        return "pass", winner
    judged = [state.status for state in states if state.status is not None]
    return ("fail" if judged and all(status == "fail" for status in judged) else "undecided"), None


def _first_pass(states: Sequence[RungState]) -> str | None:
    return next((state.name for state in states if state.status == "pass"), None)
