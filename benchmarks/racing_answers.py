"""Full searches, kept: every form that a rung tries, on all its dev rows, with no race. See racing.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rung.cli.worlds import open_worlds, task_folders
from rung.climb.runtime import runtime_for
from rung.disk import write_whole
from rung.progress import Silent
from rung.registry.home import Home
from rung.rungs.base import BuildContext, ladder
from rung.task.load import load_task
from rung.types import Task
from rung.verify.stats import race

TASKS = ("tone", "spam", "handbook", "ledger", "calls")
RUNGS = ("r1_prompt", "r2_retrieve", "r3_tools")
# Settings of the prompt's search where it would take hours: no demonstrations out of whole mails.
LESS = {"spam": {"demonstrations": (), "calibrate": False}}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One race as it would have been run: what each form cost and scored on all rows, in dev's order, and the rows' clusters.

    `forms` number the forms within the rung's search, so that the best of one race is known again in the next.
    """

    forms: tuple[int, ...]
    costs: tuple[float, ...]
    scores: tuple[tuple[float | None, ...], ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Search:
    """All races of a rung on a task, in their order."""

    task: str
    rung: str
    races: tuple[Stored, ...]


def searches(folder: Path, home: Home, names: Sequence[str]) -> Iterator[Search]:
    """Of each task and each scripted world, from the file that keeps it, or made now (minutes for a task) and kept there."""
    for name in names:
        file = folder / f"{name}.json"
        if not file.exists():
            found = [_as_json(search) for search in _made(name, folder, home)]
            write_whole(file, json.dumps(found))
        yield from (_read(search) for search in json.loads(file.read_text("utf-8")))


def _made(name: str, folder: Path, home: Home) -> Iterator[Search]:
    task = _task(name, folder, home)
    parent = None
    for rung in ladder():
        if rung.name not in RUNGS or rung.applies(task):
            continue
        context = BuildContext(task, runtime_for(task, home), folder / "work" / name / rung.name, Silent())
        with recorded() as races:
            parent = rung.build(task, parent, context)
        yield Search(task=name, rung=rung.name, races=tuple(races))


def _task(name: str, folder: Path, home: Home) -> Task:
    worlds = open_worlds()
    if name in TASKS:
        file = next(tasks / name / "task.yaml" for tasks in task_folders() if (tasks / name).is_dir())
    else:
        world = worlds.WORLDS[name.removeprefix("world-")](0, worlds.Size())
        file = world.write(folder / "worlds" / name, worlds.SCRIPTED, rungs={})
    task = load_task(file, home.downloads)
    if name not in LESS:
        return task
    settings: dict[str, Any] = {rung: {**dict(of)} for rung, of in task.settings.items()}
    settings["r1_prompt"] = {**settings.get("r1_prompt", {}), **LESS[name]}
    return replace(task, settings=settings)


@contextmanager
def recorded() -> Iterator[list[Stored]]:
    """Races in which nobody leaves and every form is asked all rows at once, written down."""
    kept, look, rounds = [], race.look, race.rounds
    seen: list[tuple[float, tuple[float | None, ...]]] = []

    def whole(entrants: Sequence[race.Entrant], groups: Sequence[str], hope: float = race.HOPE) -> race.Look:
        told = [(entrant.cost, tuple(entrant.scores)) for entrant in entrants]
        seen.extend(one for one in dict.fromkeys(told) if one not in seen)
        kept.append(
            Stored(
                forms=tuple(_number(told, place, seen) for place in range(len(told))),
                costs=tuple(cost for cost, _ in told),
                scores=tuple(scores for _, scores in told),
                groups=tuple(groups),
            )
        )
        return look(entrants, groups, hope)

    race.look, race.rounds = whole, lambda total: (total,)
    try:
        yield kept
    finally:
        race.look, race.rounds = look, rounds


def _number(told: Sequence[Any], place: int, seen: Sequence[Any]) -> int:
    """Forms that answered alike at one cost are told apart by their place, but for the first, which may be a best of before."""
    number = seen.index(told[place])
    return number if place == told.index(told[place]) else 1000 * (place + 1) + number


def _as_json(search: Search) -> dict[str, Any]:
    races = [{"forms": one.forms, "costs": one.costs, "scores": one.scores, "groups": one.groups} for one in search.races]
    return {"task": search.task, "rung": search.rung, "races": races}


def _read(kept: dict[str, Any]) -> Search:
    races = tuple(
        Stored(
            forms=tuple(one["forms"]),
            costs=tuple(one["costs"]),
            scores=tuple(tuple(scores) for scores in one["scores"]),
            groups=tuple(one["groups"]),
        )
        for one in kept["races"]
    )
    return Search(task=kept["task"], rung=kept["rung"], races=races)
