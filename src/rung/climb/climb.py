"""The loop: ask `decide` what comes next, do it, write it down, until it says that the climb is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.climb.baselines import refuse_unknown_baselines
from rung.climb.decide import Build, Diagnose, Finish, Gate, Measure, Simplify
from rung.climb.diagnosis.diagnose import check_probe_settings
from rung.climb.document import document
from rung.climb.outlook.learning_curve import draw_curve, learns
from rung.climb.session import Session
from rung.errors import UserError
from rung.registry.documents import ClimbDocument, as_json
from rung.rungs.base import alpha_shares
from rung.rungs.settings import check_settings
from rung.types import Progress, Task

if TYPE_CHECKING:
    from rung.registry.home import Home


def climb(task: Task, home: Home, *, progress: Progress, every_rung: bool = False) -> ClimbDocument:
    """Climb, or go on climbing, and return the climb document. What is finished is never done again.

    `every_rung` measures every rung that applies, for the table; the winner is still the lowest that passes.
    Raises UserError, before anything is spent or written down, for settings of a rung that are wrong, a baseline that is not known,
    a gate that is too small for its bar, rows that the base has no room to read, and a task that another process is climbing.
    """
    check_settings(task)
    check_probe_settings(task)
    refuse_unknown_baselines(task, home)
    _refuse_hopeless_gate(task)
    session = Session(task, home, progress, every=every_rung)
    with session.lease:
        while not isinstance(step := session.next_step(), Finish):
            _perform(session, step)
        if step.winner:
            session.register(step.winner)
        elif not learns(task, "r0_linear"):
            _draw(session, "r0_linear")
        told = document(session, step)
        session.put("document", as_json(told))
    return told


def _draw(session: Session, rung: str) -> None:
    """A cheap learning curve for the report; too few rows for one are no reason to fail."""
    try:
        draw_curve(session, rung)
    except UserError as error:
        session.progress.note(error.problem)


def _perform(session: Session, step: Diagnose | Build | Gate | Measure | Simplify) -> None:
    match step:
        case Diagnose():
            session.diagnose()
        case Build(rung):
            session.build(rung)
        case Gate(rung):
            session.gate(rung)
        case Measure(rung):
            session.measure(rung)
        case Simplify(rung):
            session.simplify(rung)


def _refuse_hopeless_gate(task: Task) -> None:
    from rung.task.load import gate_problem

    if problem := gate_problem(task, alpha_shares(task)):
        raise UserError(problem, where=task.path, mend="Give the gate more rows (data.split.gate), or lower the bar.")
