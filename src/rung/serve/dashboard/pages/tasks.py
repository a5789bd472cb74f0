"""The ladder of each task: its newest climb, what became of it, and what is registered under its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.registry.documents import ClimbDocument
from rung.registry.ended import sentences, stored_document
from rung.registry.under_way import UnderWay, under_way
from rung.report.html import views
from rung.serve.dashboard.visits import Missing, Page, Shown, Visit

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.home import Home
    from rung.registry.leases import Holder

A_PAGE = 12


@dataclass(frozen=True, kw_only=True)
class Climb:
    """A climb of a task: its document where it has ended (None with `note` where that cannot be read), else how far it is and who
    is at it."""

    record: ClimbRecord
    name: str
    document: ClimbDocument | None = None
    note: str = ""
    going: UnderWay | None = None
    holder: Holder | None = None

    @property
    def lives(self) -> bool:
        """Whether a process is at it."""
        return self.holder is not None


@dataclass(frozen=True, kw_only=True)
class TaskShown:
    """A task by its name, with its newest climb, how many there are, and its versions with their aliases."""

    name: str
    climb: Climb
    climbs: int
    versions: int
    champion: str
    aliases: tuple[str, ...]


def climb_of(home: Home, record: ClimbRecord, name: str) -> Climb:
    """A climb with all that is kept of it."""
    try:
        document = stored_document(home, record.climb)
    except UserError as error:
        return Climb(record=record, name=name, note=f"{error.problem}. {error.hint}")
    if document is not None:
        return Climb(record=record, name=name, document=document)
    return Climb(record=record, name=name, going=under_way(home, record.climb), holder=home.leases.holder(record.climb))


def by_task(home: Home) -> dict[str, list[ClimbRecord]]:
    """The climbs of each task by its name, the newest first; of names too, the one that was climbed last."""
    found: dict[str, list[ClimbRecord]] = {}
    for record in reversed(home.climbs.all()):
        found.setdefault(task_name(home, record), []).append(record)
    return found


def task_name(home: Home, record: ClimbRecord) -> str:
    """What the task of a climb is called; the beginning of its digest where the home does not know it."""
    try:
        return home.tasks.get(record.task).name
    except UserError:
        return record.task[:12]


def _list(visit: Visit) -> Shown:
    home, start = visit.controls.home, _start(visit)
    known = by_task(home)
    names = list(known)[start : start + A_PAGE]
    shown = [_task(home, name, known[name]) for name in names]
    more = {"before": max(0, start - A_PAGE) if start else None, "after": start + A_PAGE if len(known) > start + A_PAGE else None}
    return Shown(template="tasks.html", title="Tasks", nav="tasks", views={"tasks": shown, "count": len(known), **more})


def _start(visit: Visit) -> int:
    asked = visit.asked("from")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 0


def _task(home: Home, name: str, records: Sequence[ClimbRecord]) -> TaskShown:
    standing = home.aliases.standing(name)
    champion = next((f"{name}@{move.version}" for move in standing if move.alias == "champion"), "")
    return TaskShown(
        name=name,
        climb=climb_of(home, records[0], name),
        climbs=len(records),
        versions=len(home.names.of(name=name)),
        champion=champion,
        aliases=tuple(f"{move.alias} → {move.version}" for move in standing),
    )


def _one(visit: Visit) -> Shown:
    """A task: the whole ladder of its newest climb that has ended, and all climbs."""
    home, name = visit.controls.home, visit.path["name"]
    records = by_task(home).get(name)
    if not records:
        raise Missing(f"no climb of a task by the name '{name[:80]}' is known here", hint="The menu's Tasks has those that are.")
    said = sentences(home, [record.climb for record in records])
    newest = climb_of(home, records[0], name)
    ended = newest if newest.document else next((one for one in _ended(home, records, name)), None)
    shown = {
        "name": name,
        "newest": newest,
        "ended": ended,
        "climbs": [(record, said.get(record.climb), home.leases.holder(record.climb)) for record in records],
        "versions": home.names.of(name=name)[::-1],
        "standing": home.aliases.standing(name),
    }
    whole = views(ended.document) if ended and ended.document else {}
    return Shown(template="task.html", title=name, nav="tasks", views={**whole, **shown})


def _ended(home: Home, records: Sequence[ClimbRecord], name: str) -> list[Climb]:
    """The newest that has a document that can be read."""
    for record in records[1:]:
        found = climb_of(home, record, name)
        if found.document:
            return [found]
    return []


PAGES = (Page(path="/tasks", show=_list), Page(path="/tasks/{name}", show=_one))
