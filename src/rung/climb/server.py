"""The check of a task's server, before anything is spent on it; kept, so that every question is put in the way that it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.engine.answer import resolve_constraint
from rung.engine.backend import Budget
from rung.engine.bases.resolve import Base, resolve
from rung.engine.http.check import Server, check, is_there, look
from rung.engine.http.finding import ServerFinding, finding_notes, keep_finding, kept_finding
from rung.engine.http.identity import UNKNOWN, ServerIdentity
from rung.engine.http.spending import Purse, checked_prices
from rung.errors import UserError
from rung.json_form import from_json
from rung.rungs.base import labelled
from rung.sources.base import BaseReference
from rung.types import Candidate, Example, Progress, Task

if TYPE_CHECKING:
    from rung.engine.backend import Asked
    from rung.registry.home import Home


def check_server(
    task: Task,
    base: Base,
    home: Home,
    progress: Progress,
    budget: Budget | None = None,
    answered: Callable[[], None] = lambda: None,
) -> ServerFinding | None:
    """What the task's server does, found now by a dozen tiny questions, and kept in the home; None for another base.

    budget    what it is paid from
    answered  is called once the server has answered its first question

    Raises UserError, with the task file's line, where nobody is there, the key is refused or the model is not known; BudgetSpent.
    """
    if not base.reference.is_server:
        return None
    purse = Purse(prices=checked_prices(task.prices or None))
    if budget is not None:
        purse.pay_from(budget, base.reference.name)
    server = Server(address=base.reference.name, model=base.reference.member, purse=purse)
    with progress.stage(f"Checking the server {base.reference.bare}"):
        try:
            finding = check(server, _form(task), batches=task.batch, answered=answered)
        except UserError as error:
            raise _placed(task, error) from None
    before = kept_finding(home.path, base.digest)
    keep_finding(home.path, base.digest, finding)
    if before is not None and (told := _told_apart(base.reference, before.identity, finding.identity, "was last checked")):
        progress.note(told)
    for note in finding_notes(finding):
        progress.note(note)
    return finding


def refuse_absent(task: Task, base: Base) -> None:
    """Raises UserError, with the task file's line, where a task's server is not there, or refuses the key: asked nothing else."""
    if not base.reference.is_server:
        return
    try:
        is_there(Server(address=base.reference.name, model=base.reference.member))
    except UserError as error:
        raise _placed(task, error) from None


def go_on_with(base: Base, home: Home, locked: ServerFinding | None, progress: Progress) -> None:
    """A climb that goes on asks as it began: as its lock says, whatever a later check of another task found.

    Where the server says that its model is another since, that is told.
    """
    if locked is None or not base.reference.is_server:
        return
    keep_finding(home.path, base.digest, locked)
    now = look(Server(address=base.reference.name, model=base.reference.member))
    if told := _told_apart(base.reference, locked.identity, now, "began to be climbed on"):
        progress.note(told)


def ask_alike(home: Home, candidate: Candidate, locked: ServerFinding | None) -> None:
    """A model that a provider made of the base is asked as the base is: what the check found is the server's own."""
    reference = candidate.base_reference
    if locked is not None and reference.is_server and kept_finding(home.path, reference.pin) is None:
        keep_finding(home.path, reference.pin, replace(locked, identity=UNKNOWN))


def other_server(home: Home, candidate: Candidate, answered: ServerIdentity | None = None) -> str:
    """What to say where the server behind a Candidate says that it is another than when that was made; "" where it does not.

    answered  what its last answer said of itself, where it was asked. Looking costs no question.
    """
    reference = candidate.base_reference
    made_on = _made_on(home, candidate) if reference.is_server else None
    if made_on is None:
        return ""
    now = look(Server(address=reference.name, model=reference.member))
    now = now.with_answer(answered) if answered is not None else now
    return _told_apart(reference, made_on, now, f"made {_ref(home, candidate)}")


def _made_on(home: Home, candidate: Candidate) -> ServerIdentity | None:
    """What the server said of itself when the climb that made a Candidate began; else when it was last checked."""
    for version in home.names.of(candidate=candidate.id):
        lock = home.climbs.fact(version.evidence.climb, "lock") if version.evidence.climb else None
        said = ((lock or {}).get("server") or {}).get("identity")
        if said:
            return from_json(ServerIdentity, said)
    kept = kept_finding(home.path, candidate.base_reference.pin)
    return kept.identity if kept else None


def _ref(home: Home, candidate: Candidate) -> str:
    return next((version.ref for version in reversed(home.names.of(candidate=candidate.id))), candidate.id[:12])


def _told_apart(reference: BaseReference, before: ServerIdentity, now: ServerIdentity, when: str) -> str:
    found = now.other_than(before)
    if not found:
        return ""
    return (
        f"What answers at {reference.bare} says that it is not what it was when it {when}: {'; '.join(found)}. A name on a server "
        f"may come to mean another model; name one that stays (a dated snapshot, a tag of your own) and climb again on that: "
        f"rung campaign {reference.name}#NAME."
    )


def known_server(task: Task, reference: str, home: Home, progress: Progress) -> None:
    """Looks that the server of a Candidate's base is there, and checks it where no check of it is kept.

    Raises UserError as `check_server` does.
    """
    if not BaseReference.read(reference).is_server:
        return
    base = resolve(reference, home.path)
    if kept_finding(home.path, base.digest) is None:
        check_server(task, base, home, progress)
    else:
        refuse_absent(task, base)


def _placed(task: Task, error: UserError) -> UserError:
    """The same with the task file's line; what the limits say is told as it is."""
    from rung.engine.http.spending import BudgetSpent
    from rung.task.positions import place_in

    if isinstance(error, BudgetSpent):
        return error
    return UserError(f"{error.where}: {error.problem}", where=place_in(task.path, ("base",)), hint=error.hint)


def _form(task: Task) -> Asked | None:
    """What the answers will be held to."""
    from rung.verify.scoring import scorer_of

    rows: Sequence[Example] = labelled(task)
    tools = task.tools.offers if task.tools else next((row.tools for row in rows if row.tools), ())
    return resolve_constraint(scorer_of(task).constraint(rows), tuple(tools))
