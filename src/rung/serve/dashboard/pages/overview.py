"""The first page: what needs somebody, what goes on, and how the last hour went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rung.registry.ended import sentences, unfinished
from rung.registry.job_states import State
from rung.report import text
from rung.serve.dashboard.charts import charts, spark
from rung.serve.dashboard.figures import by_ref, figures
from rung.serve.dashboard.pages.jobs import JobShown, going_on
from rung.serve.dashboard.pages.tasks import climb_of, task_name
from rung.serve.dashboard.pages.traffic import last_hour
from rung.serve.dashboard.visits import Page, Shown, Visit, local

if TYPE_CHECKING:
    from rung.registry.home import Home

FEW = 5
# A job that failed is told of for so long.
LATELY_H = 24.0


@dataclass(frozen=True, kw_only=True)
class Wants:
    """Something that a person has to see to: in words, where, and how it stands (`tone`)."""

    text: str
    href: str
    tone: str


def _show(visit: Visit) -> Shown:
    home, now = visit.controls.home, datetime.now(UTC)
    questions = last_hour(visit, now)
    whole, going = figures(questions, now), going_on(home)
    open_climbs = [record for record in unfinished(home) if home.leases.holder(record.climb)][::-1]
    versions = sorted(home.names.all(), key=lambda one: one.created, reverse=True)[:FEW]
    said = sentences(home, [one.evidence.climb for one in versions if one.evidence.climb])
    views = {
        "journal": visit.controls.journal is not None,
        "whole": whole,
        "charts": charts(whole),
        "each": [(one, spark(one)) for one in by_ref(questions, now, FEW)],
        "wants": list(_wants(visit, going)),
        "going": going[:FEW],
        "climbing": [climb_of(home, record, task_name(home, record)) for record in open_climbs[:FEW]],
        "versions": [(one, said.get(one.evidence.climb)) for one in versions],
        "rollouts": [one for one in visit.controls.rollouts.all() if one.actions][:FEW] if visit.controls.rollouts else [],
        "empty": not versions and not home.climbs.all(),
    }
    return Shown(template="overview.html", title="Overview", nav="overview", views=views)


def _wants(visit: Visit, going: list[JobShown]) -> Iterator[Wants]:
    home, controls = visit.controls.home, visit.controls
    if controls.holds and (waiting := controls.holds.waiting()):
        noun = text.plural(len(waiting), "tool call")
        yield Wants(text=f"{noun} {'waits' if len(waiting) == 1 else 'wait'} for a decision", href="/approvals", tone="undecided")
    yield from _rolled_back(visit)
    yield from _of_jobs(home, going)


def _rolled_back(visit: Visit) -> Iterator[Wants]:
    for one in visit.controls.rollouts.all()[:FEW] if visit.controls.rollouts else ():
        if one.tone == "fail":
            yield Wants(text=f"The rollout of {one.name}: {one.state}", href="/rollouts", tone="fail")


def _of_jobs(home: Home, going: list[JobShown]) -> Iterator[Wants]:
    for one in going:
        if one.orphaned:
            href = local("/jobs/{job}", job=one.job.id)
            yield Wants(text=f"The worker of {one.job.id} is dead; the next one goes on with it", href=href, tone="undecided")
    waits = [one for one in going if one.job.state == "queued"]
    if waits and not any(worker.alive for worker in home.workers.all()):
        noun = text.plural(len(waits), "job")
        yield Wants(text=f"{noun} in the queue and no worker at work: start `rung worker`", href="/jobs", tone="undecided")
    failed: Sequence[State] = ("failed",)
    for job in home.jobs.all(failed, limit=FEW):
        if _hours(job.updated) < LATELY_H:
            why = job.said.partition("\n")[0] or "it did not say why"
            href = local("/jobs/{job}", job=job.id)
            yield Wants(text=f"{job.id} failed: {text.cut(why, 160)}", href=href, tone="fail")


def _hours(moment: str) -> float:
    """Since a moment of the registry; endless where it is none."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() / 3600
    except (ValueError, TypeError):
        return float("inf")


PAGES = (Page(path="/", show=_show),)
