"""A task whose base is registered (`base: tone@3`): the model of that version becomes the base, named by digests in the lock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.types import Candidate, Finding, Progress, Task

if TYPE_CHECKING:
    from rung.registry.home import Home


def load_task(path: Path, home: Home) -> Task:
    """As `task.load.load_task`, with a registered base looked up in the home, and the base's adapter taken into it."""
    from rung.task import load

    return with_adapter(on_registered(load.load_task(path, home.downloads), home), home)


def with_adapter(task: Task, home: Home, progress: Progress | None = None) -> Task:
    """The task on its base under the adapter that the file names, if any: over those that a registered base has.

    Raises UserError for one that the base cannot be answered with exactly.
    """
    if not task.base_adapter:
        return task
    from rung.admission.adapter import import_adapter

    try:
        imported = import_adapter(task.base_adapter, task.base, home, progress, beneath=task.base_adapters)
    except UserError as error:
        raise UserError(
            f"the base's adapter cannot be used: {error.problem}", where=error.where or _line(task), hint=error.hint
        ) from None
    findings = tuple(Finding(check="base", severity="warning", message=note) for note in imported.notes)
    named = f"{task.base_name or task.base} + {task.base_adapter}"
    adapters = (*task.base_adapters, imported.digest)
    return replace(task, base_adapters=adapters, base_name=named, findings=(*task.findings, *findings))


def on_registered(task: Task, home: Home) -> Task:
    """The task on the model of the version that its `base` names, by number or alias; where it names none, the task itself.

    The version's adapters stay, frozen, under whatever is trained. Its prompt, demonstrations, documents and tools are no part of a
    base. Raises UserError, with the task file's line, for a version that is not registered, or that has no model to build on.
    """
    if not names_a_version(task, home):
        return task
    named = task.base_reference.bare
    try:
        candidate = home.candidates.get(named)
    except UserError as error:
        hint = f"{error.hint} A folder of that name is written ./{task.base}."
        raise UserError(f"the base {task.base} is not registered here", where=_line(task), hint=hint) from None
    _refuse_unusable(task, candidate)
    reference = candidate.base_reference
    base = str(replace(reference, weights=task.base_reference.weights or reference.weights))
    version = home.names.find(named)  # an alias may be moved while the climb is under way, and after it
    name = str(replace(task.base_reference, name=version.ref)) if version and task.base_reference.is_path else task.base
    return replace(task, base=base, base_adapters=candidate.adapters, base_name=name)


def names_a_version(task: Task, home: Home) -> bool:
    """Whether its base is a registered version.

    Of an alias only the home can tell: `tone@champion` may be a folder; one beside the task has its whole path here.
    """
    reference = task.base_reference
    if reference.kind != "folder":
        return reference.kind == "registered"
    name, at, _ = reference.name.partition("@")
    return bool(at) and bool(home.names.of(name=name))


def _refuse_unusable(task: Task, candidate: Candidate) -> None:
    reference = candidate.base_reference
    if reference.is_linear:
        raise UserError(
            f"the base {task.base} is a linear model: no language model can build on it",
            where=_line(task),
            hint="Name a version that another rung built (`rung ls`), or the base that the task had before.",
        )
    if reference.is_path and not Path(reference.name).expanduser().exists():
        raise UserError(
            f"the base {task.base} rests on {reference.name}, which is not on this machine",
            where=_line(task),
            hint="Bring it back to that place, or name a version that is a full fine-tune: such a one is whole by itself.",
        )


def _line(task: Task) -> str:
    from rung.task.positions import place_in

    return place_in(task.path, ("base",))
