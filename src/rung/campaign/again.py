"""The task of a name, as it was when the name's version passed it, and on the new base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.campaign.standing import Standing, called
from rung.climb.at_hand import as_locked, on_base
from rung.climb.registered_base import names_a_version, on_registered
from rung.data.digest import data_digests
from rung.errors import UserError, did_you_mean
from rung.sources.base import BaseReference
from rung.types import Task

if TYPE_CHECKING:
    from rung.registry.documents import LockedTask
    from rung.registry.home import Home

OTHER_FILE = "Bring it back as it was, or give the file that stands for it from now on: --task FILE"


@dataclass(frozen=True, kw_only=True)
class Again:
    """A name's task as its file says it, before any base is looked up.

    built_on  the name whose version is its base, "" where it names a model
    anew      the file was given in the place of the one that was locked: its data may be others
    """

    task: Task
    built_on: str = ""
    anew: bool = False


@dataclass(frozen=True, kw_only=True)
class Given:
    """The task files that a campaign is given in the place of those that were locked, by the name that each has."""

    files: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, files: Sequence[Path]) -> Given:
        """Raises UserError for a file that is none, and for two of one name."""
        from rung.task.load import check_file
        from rung.task.positions import read_yaml

        found: dict[str, Path] = {}
        for file in files:
            check_file(file)
            name = str(read_yaml(file).value.get("name"))
            if name in found:
                raise UserError(
                    f"{found[name]} is given for '{name}' already", where=str(file), hint="Give one file for each name."
                )
            found[name] = file.absolute()
        return cls(files=found)

    def refuse_strangers(self, names: Sequence[str]) -> None:
        """Raises UserError for a file whose name is none of the campaign's."""
        for name, file in self.files.items():
            if name not in names:
                hint = did_you_mean(name, names) if names else "No name is affected."
                raise UserError(f"its name, '{name}', is none that this campaign climbs again", where=str(file), hint=hint)


def task_again(home: Home, standing: Standing, given: Given) -> Again:
    """The name's task, with the same rows as when its version passed.

    Raises UserError, with the file, for a version that no task has judged, a task file that is gone or cannot be read, and one
    whose rows or settings were changed since.
    """
    from rung.task.load import load_task

    file = given.files.get(standing.name)
    if file is not None:
        task = load_task(file, home.downloads)
        return Again(task=task, built_on=_built_on(task, home), anew=True)
    lock = standing.version.evidence.task
    if not lock:
        problem = f"{standing.ref} was judged by no task here"
        raise UserError(problem, hint=f"Give a task for it, whose `name` is {standing.name}: --task FILE")
    record = home.tasks.get(lock)
    if not record.file.is_file():
        problem = f"the task file that {standing.ref} passed is not there"
        raise UserError(problem, where=str(record.file), hint=f"{OTHER_FILE}.")
    try:
        task = load_task(record.file, home.downloads)
    except UserError as error:
        problem = f"the task that {standing.ref} passed cannot be read any more: {error.problem}"
        raise UserError(problem, where=error.where or str(record.file), hint=f"{OTHER_FILE}. {error.hint}".strip()) from None
    if as_locked(task, record, lock, home) is None:
        raise _changed(home, standing, task)
    return Again(task=replace(task, name=standing.name), built_on=_built_on(task, home))


def on_new_base(home: Home, again: Again, base: str, below: str = "") -> Task:
    """The task on the new base; where it is built on another name, on what came of that there (`below`, a version).

    Raises UserError for a task that puts an adapter on its base, and where the version below has no model to build on.
    """
    if again.task.base_adapter:
        raise UserError(
            f"its base carries the adapter {again.task.base_adapter}, which was trained on {called(again.task.base_reference)}",
            where=again.task.path,
            hint="Make the base of a task one that was trained on the new base, or take base.adapter out: --task FILE",
        )
    if below:
        weights = again.task.base_reference.weights
        named = BaseReference.read(below)
        return on_registered(on_base(again.task, str(replace(named, weights=weights))), home)
    return on_base(again.task, base)


def _built_on(task: Task, home: Home) -> str:
    return task.base_reference.name.partition("@")[0] if names_a_version(task, home) else ""


def _changed(home: Home, standing: Standing, task: Task) -> UserError:
    """Which of a task's rows, or which of its settings, are others than when its version passed."""
    known = standing.version.evidence.data or _data_in_lock(home, standing)
    now = data_digests(task.examples)
    splits = [name for name in sorted({*known, *now}) if known.get(name) != now.get(name)] if known else []
    if splits:
        files = sorted({row.source.rpartition(":")[0] for row in task.examples if row.split in splits and row.source})
        problem = f"the rows of {', '.join(splits)} are not those that {standing.ref} was made and judged on"
        return UserError(f"{problem}: {', '.join(files) or 'its data'} changed", where=task.path, hint=f"{OTHER_FILE}.")
    what = _settings_that_differ(home, standing, task)
    problem = f"it is not the task that {standing.ref} passed: {what}"
    return UserError(problem, where=task.path, hint=f"{OTHER_FILE}.")


def _data_in_lock(home: Home, standing: Standing) -> Mapping[str, str]:
    lock = home.climbs.fact(standing.version.evidence.climb, "lock") if standing.version.evidence.climb else None
    return dict((lock or {}).get("data") or {})


def _settings_that_differ(home: Home, standing: Standing, task: Task) -> str:
    locked = _locked_task(home, standing)
    if locked is None:
        return "its rows are the same, and its settings are not"
    pairs = {
        "instruction": (locked.instruction, task.instruction),
        "quality": (locked.bar, task.quality),
        "guards": (locked.guards, task.guards),
        "limits": (locked.limits, task.limits),
        "alpha": (locked.alpha, task.alpha),
        "consequence": (locked.consequence, task.consequence),
        "seed": (locked.seed, task.seed),
    }
    differ = [name for name, (was, is_now) in pairs.items() if was != is_now]
    return f"{', '.join(differ) or 'the settings of its rungs, its documents, tools or prices'} changed"


def _locked_task(home: Home, standing: Standing) -> LockedTask | None:
    from rung.registry import documents
    from rung.registry.ended import document_of

    stored = document_of(home, standing.version.evidence.climb) if standing.version.evidence.climb else None
    try:
        return documents.from_json(stored).task if stored else None
    except UserError:
        return None
