"""The loop: ask `decide` what comes next, do it, write it down, until it says that the climb is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rung.climb import steps
from rung.climb.base_changed import naming_affected
from rung.climb.decide import Build, Diagnose, Finish, Gate, Measure, Simplify
from rung.climb.document import document
from rung.climb.outlook.learning_curve import draw_curve
from rung.climb.outlook.telling import Outlook
from rung.climb.sentence import so_far
from rung.climb.states import step_after
from rung.climb.steps import Climb, open_climb
from rung.errors import RungError, UserError
from rung.registry.documents import ClimbDocument
from rung.rungs.base import ladder
from rung.types import Progress, Task

if TYPE_CHECKING:
    from rung.registry.home import Home


def climb(task: Task, home: Home, *, progress: Progress, every_rung: bool = False) -> ClimbDocument:
    """Climb, or go on climbing, and return the climb document. What is finished is never done again.

    `every_rung` measures every rung that applies, for the table; the winner is still the lowest that passes.
    Raises UserError, before anything is spent or written down, for what `preflight` finds, and for a task that another process is
    climbing. What ends it later, such as a server that no longer answers, has a note of what it had found out by then.
    """
    under_way = open_climb(task, home, progress)
    with under_way.lease, _telling(under_way):
        outlook = Outlook(under_way)
        if not isinstance(step_after(task, under_way.record, every=every_rung), Finish):
            outlook.foretell()
        while not isinstance(step := step_after(task, under_way.record, every=every_rung), Finish):
            if line := outlook.before(step):
                progress.note(line)
            match step:
                case Diagnose():
                    steps.diagnose(under_way)
                case Build(rung):
                    steps.build(under_way, rung)
                case Gate(rung):
                    steps.ask_dev(under_way, rung)
                    outlook.at_gate(rung)
                    steps.gate(under_way, rung)
                case Measure(rung):
                    steps.measure(under_way, rung)
                case Simplify(rung):
                    steps.simplify(under_way, rung)
        if step.winner:
            home.serving.put(task.digest, task.serving)  # before anybody can ask what passed
            steps.register(under_way, step.winner)
        else:
            _draw_cheap_curve(under_way)
        told = document(under_way, step, every=every_rung)
        under_way.record.keep_document(told)
    return told


@contextmanager
def _telling(under_way: Climb) -> Iterator[None]:
    """Notes on an error what was found out before it."""
    try:
        with naming_affected(under_way.home):
            yield
    except RungError as error:
        error.add_note(so_far(under_way))
        raise


def _draw_cheap_curve(under_way: Climb) -> None:
    """What more labels would bring, of a rung that is cheap to build again; too few rows for a curve are no reason to fail."""
    cheap = next((rung for rung in ladder() if rung.cheap and rung.learns), None)
    if cheap is None or cheap.why_skipped(under_way.task):
        return
    try:
        draw_curve(under_way, cheap.name)
    except UserError as error:
        under_way.progress.note(error.problem)
