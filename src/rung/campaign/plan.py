"""What a campaign will do: each name that it is about, with traffic, risk and what its climb will take. No test row is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.campaign.again import Again, Given, on_new_base, task_again
from rung.campaign.facts import Entry, Estimate, Refused
from rung.campaign.order import ordered
from rung.campaign.scope import LeftAlone, nothing_more, scope
from rung.campaign.standing import Standing, called, same_base, standings
from rung.climb.outlook.plan import plan
from rung.errors import UserError
from rung.json_form import from_json
from rung.registry.predictions import Amount, Prediction
from rung.rungs.base import ladder
from rung.sources.base import BaseReference
from rung.types import Progress, Task

if TYPE_CHECKING:
    from rung.campaign.record import Record
    from rung.engine.bases.resolve import Base
    from rung.registry.home import Home

# The key of a task's `traffic` by which names are ordered.
TRAFFIC = "answers_per_month"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which names one command is about: those on `former`, or the only ones that there are; all of them, or those `names`."""

    former: str = ""
    names: tuple[str, ...] = ()
    given: Given = field(default_factory=Given)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The names in the order in which they are climbed, those that are done among them; and those that are left alone.

    refused  those that cannot be climbed as things are, and why
    """

    entries: tuple[Entry, ...]
    left_alone: tuple[LeftAlone, ...]
    former: tuple[str, ...]
    refused: tuple[Refused, ...] = ()

    def keep(self, record: Record) -> None:
        """Writes the plan down, where that says anything new."""
        refused = {one.name: one for one in self.refused}
        with record.home.together():
            for entry in self.entries:
                if entry.name not in record.climbed or record.climbed[entry.name].old != entry.old:
                    record.add(entry)
                    record.add(refused.get(entry.name, Refused(name=entry.name, problem="")))


def plan_campaign(home: Home, record: Record, base: Base, wanted: Wanted, progress: Progress) -> Planned:
    """Plans every name that is not done. What cannot be climbed is among them, with the reason.

    Raises UserError as `scope` does, and for a task file of a name that is none of them.
    """
    new = replace(base.reference, pin=base.digest)
    known = standings(home, wanted.names)
    begun = [record.entries[one.name] for one in known if _is_begun(record, one, new)]
    if wanted.former:
        begun = [entry for entry in begun if wanted.former in (entry.base, called(BaseReference.read(entry.base)))]
    rest = [one for one in known if not _is_begun(record, one, new)]
    try:
        found = scope(rest, new, wanted.former)
    except UserError:
        if not begun:
            raise
        found = nothing_more(rest, new)
    names = {one.name for one in found.affected}
    wanted.given.refuse_strangers([*sorted(names), *[entry.name for entry in begun]])
    planned = []
    for number, standing in enumerate(found.affected, 1):
        with progress.stage(f"Planning {standing.name} ({number} of {len(names)})"):
            planned.append(_planned(home, standing, base, wanted, names, progress))
    return Planned(
        entries=tuple(ordered([*begun, *[entry for entry, _ in planned]])),
        left_alone=found.left_alone,
        former=found.former,
        refused=tuple(problem for _, problem in planned if problem.problem),
    )


def _is_begun(record: Record, standing: Standing, new: BaseReference) -> bool:
    """Whether the campaign has climbed it and nothing else took its place since; or has registered what passed, and was killed."""
    done = record.climbed.get(standing.name)
    if same_base(standing.base, new):
        return standing.name in record.entries
    return done is not None and standing.ref == done.old


def _planned(
    home: Home, standing: Standing, base: Base, wanted: Wanted, names: set[str], progress: Progress
) -> tuple[Entry, Refused]:
    entry = _entry(home, standing, None)
    try:
        again = task_again(home, standing, wanted.given)
        entry = _entry(home, standing, again)
        if again.built_on in names:
            remark = f"planned when {again.built_on}, which it is built on, has been climbed"
            return replace(entry, remarks=(*entry.remarks, remark)), Refused(name=standing.name, problem="")
        task = on_new_base(home, again, str(base.reference), below=version_below(home, again))
        estimate = _estimate(task, home, standing, progress)
    except UserError as error:
        return entry, Refused(name=standing.name, problem=error.problem, where=error.where, hint=error.hint)
    return replace(entry, estimate=estimate), Refused(name=standing.name, problem="")


def version_below(home: Home, again: Again) -> str:
    """The version that stands for the name that a task is built on: its champion, or its newest; "" where there is none."""
    return standings(home, (again.built_on,))[0].ref if again.built_on else ""


def _entry(home: Home, standing: Standing, again: Again | None) -> Entry:
    lock = standing.version.evidence.task
    task = again.task if again else None
    return Entry(
        name=standing.name,
        old=standing.ref,
        candidate=standing.candidate.id,
        rung=standing.version.evidence.rung or standing.candidate.rung,
        base=str(standing.base),
        served=standing.served,
        lock=lock,
        task=task.path if task else _path_of(home, lock),
        consequence=task.consequence if task else _consequence(home, standing),
        traffic=task.traffic.get(TRAFFIC) if task else None,
        margin=_margin(home, standing),
        built_on=again.built_on if again else "",
        anew=again.anew if again else False,
        remarks=_remarks(task, standing) if task else (),
    )


def _path_of(home: Home, lock: str) -> str:
    try:
        return home.tasks.get(lock).path if lock else ""
    except UserError:
        return ""


def _remarks(task: Task, standing: Standing) -> tuple[str, ...]:
    if task.prices and standing.base.is_server:
        return (f"costs are reckoned at the prices that the task gives, which are those of {called(standing.base)}",)
    return ()


def _consequence(home: Home, standing: Standing) -> str:
    receipts = home.receipts.of(standing.name, standing.version.version)
    return receipts[-1].document.consequence if receipts else ""


def _margin(home: Home, standing: Standing) -> float | None:
    """How far the bound of what was judged stands above (or below, where less is better) the bar of quality, in shares.

    None where that is not known, and where the bar is on a scale of its own: such figures cannot be compared.
    """
    receipts = home.receipts.of(standing.name, standing.version.version)
    if not receipts or receipts[-1].document.bars[0].unit == "number":
        return None
    receipt = receipts[-1].document
    verdict, least = receipt.verdict, receipt.bars[0].at_most is not None
    bound = verdict.upper if least else verdict.lower
    if bound is None:
        return None
    return verdict.bar - bound if least else bound - verdict.bar


def _estimate(task: Task, home: Home, standing: Standing, progress: Progress) -> Estimate:
    """Raises UserError where the test split is too small for what is left of alpha, and for all else that `preflight` finds."""
    told = plan(task, home, progress=progress)
    if told["problem"]:
        raise UserError(told["problem"], where=task.path, hint="Give the test split more rows, newly labelled, or lower the bar.")
    prediction = from_json(Prediction, told["prediction"])
    again = _end(prediction, standing.version.evidence.rung)
    whole = prediction.ends[-1].amount
    return Estimate(
        seconds=again.seconds if prediction.timed else None,
        whole=whole.seconds if prediction.timed else None,
        usd=again.usd,
        answers=again.answers.expected,
        climb=told["ledger"]["number"],
        alpha=told["ledger"]["alpha"],
    )


def _end(prediction: Prediction, rung: str) -> Amount:
    """Where the rung that passed before passes again; where that is none of the new climb's, the next dearer one."""
    names = [one.name for one in ladder()]
    later = names[names.index(rung) :] if rung in names else []
    return next((end.amount for name in later for end in prediction.ends if end.rung == name), prediction.ends[-1].amount)
