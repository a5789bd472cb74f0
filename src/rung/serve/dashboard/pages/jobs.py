"""Climbs and jobs as they run: what each says, what happened to it, and what may be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.registry.ended import sentences, unfinished
from rung.registry.job_states import FINAL, HELD, Job, JobEvent
from rung.registry.processes import runs
from rung.report.facts import State
from rung.serve.dashboard.pages.tasks import climb_of, task_name
from rung.serve.dashboard.sessions import Note
from rung.serve.dashboard.visits import Page, Sent, Shown, Visit, local

if TYPE_CHECKING:
    from rung.registry.home import Home

ENDED, LINES, CLIMBS = 30, 200, 20
STATES: Mapping[str, State] = {
    "queued": State(word="queued", mark="–", tone="quiet"),
    "running": State(word="running", mark="–", tone="going"),
    "pausing": State(word="pausing", mark="–", tone="undecided"),
    "paused": State(word="paused", mark="?", tone="undecided"),
    "cancelling": State(word="cancelling", mark="–", tone="undecided"),
    "cancelled": State(word="cancelled", mark="–", tone="quiet"),
    "done": State(word="done", mark="✓", tone="pass"),
    "failed": State(word="failed", mark="✗", tone="fail"),
}
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "queued": ("pause", "cancel"),
    "running": ("pause", "cancel"),
    "pausing": ("cancel",),
    "paused": ("resume", "cancel"),
}


@dataclass(frozen=True, kw_only=True)
class JobShown:
    """A job with its state as it is told, what may be done to it, and whether its worker is known to be dead."""

    job: Job
    state: State
    actions: tuple[str, ...]
    orphaned: bool

    @property
    def line(self) -> str:
        """What it runs."""
        return " ".join(("rung", *self.job.asked.line))


def shown(job: Job) -> JobShown:
    """A job as pages tell it."""
    orphaned = job.is_held and runs(job.holder) is False
    return JobShown(job=job, state=STATES[job.state], actions=ACTIONS.get(job.state, ()), orphaned=orphaned)


def going_on(home: Home) -> list[JobShown]:
    """The jobs that have not ended, the newest first."""
    return [shown(job) for job in home.jobs.all((*HELD, "queued", "paused"))]


def _list(visit: Visit) -> Shown:
    home = visit.controls.home
    ended = home.climbs.all()[::-1]
    open_ones = {record.climb for record in unfinished(home)}
    under_way = [climb_of(home, record, task_name(home, record)) for record in ended if record.climb in open_ones]
    over = [record for record in ended if record.climb not in open_ones][:CLIMBS]
    said = sentences(home, [record.climb for record in over])
    views = {
        "going": going_on(home),
        "ended": [shown(job) for job in home.jobs.all(FINAL, limit=ENDED)],
        "workers": [worker for worker in home.workers.all() if worker.alive],
        "under_way": under_way,
        "climbs": [(record, task_name(home, record), said.get(record.climb)) for record in over],
    }
    return Shown(template="jobs.html", title="Climbs and jobs", nav="work", views=views)


def _one(visit: Visit) -> Shown:
    home = visit.controls.home
    job = home.jobs.get(visit.path["job"])
    events: list[JobEvent] = home.jobs.events(job.id)
    views = {"one": shown(job), "events": events[::-1], "tail": job.tail[-LINES:], "states": STATES}
    return Shown(template="job.html", title=job.id, nav="work", views=views)


def _act(visit: Visit) -> Sent:
    """Pauses, resumes or cancels, where the job still stands as whoever pressed the button saw it."""
    home, action = visit.controls.home, visit.form.get("action")
    job = home.jobs.get(visit.path["job"])
    seen = visit.form.get("seen")
    if seen.isdecimal() and int(seen) != job.number:
        text = f"{job.id} is {job.state} meanwhile; nothing was done."
        return Sent(to=local("/jobs/{job}", job=job.id), note=Note(tone="fail", text=text, hint="Look at it, then press again."))
    done = {"pause": home.jobs.pause, "resume": home.jobs.resume, "cancel": home.jobs.cancel}.get(action)
    if done is None:
        return Sent(to=local("/jobs/{job}", job=job.id), note=Note(tone="fail", text="There is no such button."))
    after = done(job)
    later = ": it stops as soon as its worker hears of it" if after.state in ("pausing", "cancelling") else ""
    return Sent(to=local("/jobs/{job}", job=job.id), note=Note(tone="pass", text=f"{job.id} is {after.state} now{later}."))


PAGES = (
    Page(path="/jobs", show=_list),
    Page(path="/jobs/{job}", show=_one, act=_act),
)
