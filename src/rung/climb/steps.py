"""The steps of a climb: each does its work, and adds to the record what came of it, whole or not at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.climb.allotting import allot
from rung.climb.base_changed import begins_anew
from rung.climb.baselines import baselines_of
from rung.climb.diagnosis.diagnose import Known, diagnose_on
from rung.climb.facts import (
    Built,
    Diagnosed,
    Judged,
    Lock,
    LockedBase,
    LockedRung,
    Measured,
    Registered,
    Simplified,
    Tried,
)
from rung.climb.keeping import keep_lock
from rung.climb.ledger import at_gate, level_of, locked_rows
from rung.climb.preflight import Cleared, preflight
from rung.climb.receipts import Asked, receipt_of
from rung.climb.record import FORM, Record, climb_id, earlier_form
from rung.climb.runtime import budget_of, runtime_for
from rung.climb.server import ask_alike, check_server, go_on_with, refuse_absent
from rung.climb.simplify import cheapest, part_added, share_of, simpler
from rung.json_form import as_json, canonical_json
from rung.rungs.base import BuildContext, mending, rung_named
from rung.rungs.causes import SOLVED
from rung.types import Candidate, Progress, Task
from rung.verify.alpha import AlphaPlan, spends
from rung.verify.environment import environment
from rung.verify.judge import Trial, judge
from rung.verify.reading import figure_on
from rung.verify.run import evaluate, random_order
from rung.verify.silence import Heard, refuse_silence

if TYPE_CHECKING:
    from rung.engine.http.finding import ServerFinding
    from rung.engine.runtime import Runtime
    from rung.registry.home import Home
    from rung.registry.leases import Lease

Share = Callable[[AlphaPlan], float]
LEFT = "upload"  # the kind of a line in the audit: what left this machine


@dataclass(frozen=True, kw_only=True)
class Climb:
    """A climb under way: its task, what it works with, and the record that every step adds to.

    Give the `lease` back, as a context manager, when nothing is to be added any more.
    """

    task: Task
    home: Home
    record: Record
    runtime: Runtime
    progress: Progress
    lease: Lease

    @property
    def id(self) -> str:
        return self.record.climb

    @cached_property
    def gate_task(self) -> Task:
        """The task with the test rows that judge."""
        return at_gate(self.task, self.record.lock.left_out)

    def work(self, name: str) -> Path:
        """A folder for what is under way, which survives a crash."""
        return self.home.path / "climbs" / self.id[:16] / name

    def context(self, name: str) -> BuildContext:
        """What a rung is given to build with, in a work folder of this name."""
        return BuildContext(self.task, self.runtime, self.work(name), self.progress, self._leaves)

    def _leaves(self, what: Mapping[str, Any]) -> None:
        """Writes down what is about to leave this machine: it stays on record, whatever becomes of the climb."""
        self.home.audit.append(LEFT, self.task.name, {**what, "climb": self.id})

    def candidate(self, rung: str) -> Candidate:
        """The frozen Candidate that a rung built."""
        return self.home.candidates.get(self.record.built[rung].candidate)

    def parent(self, rung: str) -> Candidate | None:
        """What a rung builds on: the nearest one below it that was built and stacks."""
        names = self.record.lock.names
        below = [name for name in names[: names.index(rung)] if name in self.record.built and rung_named(name).stacks]
        return self.candidate(below[-1]) if below else None


def open_climb(task: Task, home: Home, progress: Progress) -> Climb:
    """Begins a climb, or goes on with one. Raises UserError, before anything is spent or written down; see `preflight`."""
    cleared = preflight(task, home, progress)
    refuse_absent(task, cleared.base)
    home.keys.me()  # who makes what passes is asked before anything is spent
    base = LockedBase(pinned=cleared.base.pinned, template=cleared.base.template_digest)
    name = climb_id(task.digest, base)
    # Before the facts are read: what another process adds to them after that would be done anew.
    lease = home.leases.take(name, task.name)
    try:
        record = _begun(name, task, home, cleared, base, progress)
        runtime = runtime_for(task, home, name)
    except BaseException:
        lease.close()
        raise
    return Climb(task=task, home=home, record=record, runtime=runtime, progress=progress, lease=lease)


def _begun(name: str, task: Task, home: Home, cleared: Cleared, base: LockedBase, progress: Progress) -> Record:
    """The climb's record, which has its lock."""
    record = Record(home, name)
    if not record.begun:
        if earlier := earlier_form(home, task.digest):
            progress.note(
                f"An earlier version of rung began to climb this task ({earlier[:12]}). Its record has another form and cannot be "
                "gone on with: the climb begins anew. Answers that are kept are not asked again."
            )
        if told := begins_anew(home, task.digest, cleared.base):
            progress.note(told)
        server = _checked_server(name, task, home, cleared, progress)
        record.add(_lock(task, cleared, base, server))
    else:
        go_on_with(cleared.base, home, record.lock.server, progress)
    if record.charged is None:
        for line in cleared.ledger:
            progress.note(line)
    return record


def _checked_server(name: str, task: Task, home: Home, cleared: Cleared, progress: Progress) -> ServerFinding | None:
    """Enters the climb, once its server has answered: a key that is refused or a model that is not known leaves none behind."""
    budget = budget_of(task, home, name)
    write = budget.keep
    budget.keep = lambda _usd: None

    def enter() -> None:
        home.climbs.begin(name, form=FORM, task=task.digest)
        home.tasks.add(task)
        keep_lock(task, home)
        budget.keep = write

    server = check_server(task, cleared.base, home, progress, budget, answered=enter)
    enter()
    return server


def _lock(task: Task, cleared: Cleared, base: LockedBase, server: ServerFinding | None) -> Lock:
    from rung.data.digest import data_digests

    rungs = [LockedRung(name=name, skipped=reason) for name, reason in cleared.skipped.items()]
    return Lock(
        task=task.digest,
        data=data_digests(task.examples),
        base=base,
        rungs=tuple(rungs),
        findings=task.findings,
        environment=environment(task.seed),
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        left_out=tuple(sorted(cleared.left_out)),
        server=server,
    )


def build(climb: Climb, rung: str) -> None:
    """Make the rung's Candidate. A crash in here is taken up again by the rung itself, from its work folder."""
    started = time.monotonic()
    context = climb.context(rung)
    candidate = rung_named(rung).build(climb.task, climb.parent(rung), context)
    climb.home.candidates.add(candidate, climb.task.digest)
    ask_alike(climb.home, candidate, climb.record.lock.server)
    built = Built(
        rung=rung,
        candidate=candidate.id,
        records=tuple(context.records),
        artefact_bytes=artefact_bytes(candidate, climb.task, climb.home),
        seconds=time.monotonic() - started,
    )
    climb.record.add(built)
    shutil.rmtree(climb.work(rung), ignore_errors=True)


def measure(climb: Climb, rung: str) -> None:
    """What the rung's Candidate answers on the whole of dev."""
    started = time.monotonic()
    rows = random_order(climb.task, "dev")
    run = evaluate(climb.task, climb.candidate(rung), "dev", rows, climb.runtime, climb.progress)
    refuse_silence([Heard(climb.candidate(rung), run.rows)], climb.task, climb.runtime)
    stored = climb.home.runs.add(run)
    seconds = time.monotonic() - started
    mean, n = figure_on(climb.task, run)
    climb.record.add(Measured(rung=rung, run=stored, mean=mean, n=n, seconds=seconds))


def diagnose(climb: Climb) -> None:
    """Find out what is missing. What was asked of dev stays known, so that a crash in here costs little."""
    started = time.monotonic()
    prompted = mending(SOLVED)
    parent = climb.candidate(prompted.name) if prompted and prompted.name in climb.record.built else None
    # Of quality alone: a rung that broke a limit or a guard says nothing of what is missing.
    statuses = {rung: judged.verdict.status for rung, judged in climb.record.judged.items()}
    found = diagnose_on(climb.task, climb.context("diagnosis"), Known(parent=parent, statuses=statuses))
    climb.progress.note(found.sentence)
    climb.record.add(Diagnosed(record=found.record(time.monotonic() - started)))
    shutil.rmtree(climb.work("diagnosis"), ignore_errors=True)


def ask_dev(climb: Climb, rung: str) -> None:
    """What dev says of the rung's chance at the gate, and so what it may spend there."""
    allot(climb, rung, _trial(climb, climb.candidate(rung)))


def gate(climb: Climb, rung: str) -> None:
    """Let the locked split judge the rung's Candidate."""
    trial = _trial(climb, climb.candidate(rung))
    found = allot(climb, rung, trial)
    climb.record.add(_judged(climb, rung, replace(trial, foresight=found.dev), lambda plan: spends(plan.alpha, found.part)))


def simplify(climb: Climb, rung: str) -> None:
    """Try cheaper forms of what passed, each at the gate on its part of the rung's alpha; the cheapest that holds is kept."""
    part = _part_of(climb, rung)
    forms = simpler(climb.candidate(rung), climb.home.blobs, climb.home.path / "climbs", below=climb.task.base_adapters)
    tries: list[Tried] = []
    for name, candidate in forms:
        tried = climb.record.form(rung, name)
        if tried is None:
            held = [before.held for before in tries]
            tried = _tried(climb, rung, (name, candidate), partial(_form_share, part=part, tries=len(forms), held=held))
            climb.record.add(tried)
        tries.append(tried)
    kept = cheapest([(tried, climb.home.runs.get(tried.judged.run)) for tried in tries if tried.held])
    climb.record.add(Simplified(rung=rung, kept=kept.name if kept else None))


def _part_of(climb: Climb, rung: str) -> int | None:
    """Of what the climb may spend; None where the rung was judged before shares were written down: then all had the same."""
    found = climb.record.allotted.get(rung)
    return found.part if found else None


def _form_share(plan: AlphaPlan, *, part: int | None, tries: int, held: Sequence[bool]) -> float:
    return share_of(plan.equal if part is None else spends(plan.alpha, part), tries, held)


def register(climb: Climb, rung: str) -> None:
    """Give the winner, or its cheaper form where that held, the next version of the task's name, and its receipt."""
    from rung.registry.names import Evidence

    if climb.record.registered:
        return
    winner = climb.record.passed(rung).candidate
    home = climb.home
    evidence = Evidence(climb=climb.id, rung=rung, task=climb.task.digest, data=climb.record.lock.data)
    maker = home.keys.me().identity
    with home.together():
        keep_lock(climb.task, home)  # for a climb that an earlier version began
        version = home.names.register(climb.task.name, winner, evidence)
        registered = Registered(version=version, candidate=winner, rung=rung)
        home.receipts.add(receipt_of(home, climb.record, registered, Asked.of(climb.task), maker=maker.fingerprint))
        climb.record.add(registered)


def _tried(climb: Climb, rung: str, form: tuple[str, Candidate], share: Share) -> Tried:
    name, candidate = form
    climb.progress.note(f"trying it {name}")
    climb.home.candidates.add(candidate, climb.task.digest)
    judged = _judged(climb, rung, _trial(climb, candidate), share)
    whole, less = climb.home.runs.get(climb.record.judged[rung].run), climb.home.runs.get(judged.run)
    return Tried(
        rung=rung,
        name=name,
        candidate=candidate.id,
        artefact_bytes=artefact_bytes(candidate, climb.task, climb.home),
        part_added=part_added(whole, less),
        judged=judged,
    )


def _trial(climb: Climb, candidate: Candidate) -> Trial:
    """A test whose level is still to be found."""
    left_out = frozenset(climb.record.lock.left_out)
    return Trial(task=climb.task, candidate=candidate, alpha=0.0, baselines=_baselines(climb), left_out=left_out)


def _judged(climb: Climb, rung: str, trial: Trial, share: Share) -> Judged:
    """The verdict at this share of what the climb may spend, or at what was charged for the very same test before."""
    started = time.monotonic()
    task, candidate = climb.task, trial.candidate
    alpha = level_of(climb, trial, share)
    outcome = judge(replace(trial, alpha=alpha), climb.runtime, climb.progress)
    looked, total = len(outcome.run.rows), len(climb.gate_task.split("test"))
    climb.home.looks.add(task.digest, candidate.id, looked, locked_rows(climb.gate_task))
    climb.progress.note(f"{rung}: {outcome.status} after {looked} of {total} test rows. {outcome.verdict.reason}")
    return Judged(
        rung=rung,
        status=outcome.status,
        verdict=outcome.verdict,
        guards=outcome.guards,
        run=climb.home.runs.add(outcome.run),
        waits_s=outcome.waits_s,
        alpha=alpha,
        seconds=time.monotonic() - started,
    )


def _baselines(climb: Climb) -> dict[str, Candidate]:
    """What each relative bar compares with, by the bar's name."""
    named = baselines_of(climb.task)
    rungs = climb.record.lock.names
    return {bar: climb.candidate(name) if name in rungs else climb.home.candidates.get(name) for bar, name in named.items()}


def artefact_bytes(candidate: Candidate, task: Task, home: Home) -> int:
    """Bytes on disk of everything that this Candidate adds to the task's base."""
    text = len(canonical_json(as_json(replace(candidate, parent=None))).encode("utf-8"))
    added = [name for name in candidate.artefacts if name not in task.base_artefacts]
    return text + sum(home.blobs.size_bytes(name) for name in added)
