"""What a version was made from: its base, data, recipe and parents, as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.documents import ClimbDocument
    from rung.registry.home import Home
    from rung.registry.lookup import Known
    from rung.types import Candidate


def lineage(home: Home, known: Known) -> dict[str, Any]:
    """`base`, `data`, `recipe`, each None where it is not known, and `parents`, the nearest first."""
    return {
        "base": _base(home, known),
        "data": _data(home, known),
        "recipe": _recipe(known),
        "parents": parents(home, known.candidate),
    }


def parents(home: Home, candidate: Candidate) -> list[dict[str, Any]]:
    """The candidates it was built from, the nearest first."""
    found: list[dict[str, Any]] = []
    while candidate.parent:
        try:
            candidate = home.candidates.get(candidate.parent)
        except UserError:  # a parent that was only a starting point and never measured is not stored
            break
        versions = [version.ref for version in home.names.of(candidate=candidate.id)]
        found.append({"id": candidate.id, "rung": candidate.rung, "versions": versions})
    return found


def _base(home: Home, known: Known) -> dict[str, Any]:
    """The reference and the template's digest; `version` is what the task named, where that was a registered one."""
    candidate, named = known.candidate, known.document.task.base if known.document else ""
    registered = home.names.find(named.partition(" + ")[0].rpartition(":")[2]) if "@" in named else None
    return {
        "reference": candidate.base,
        "template": candidate.template or None,
        "version": registered.ref if registered else None,
    }


def _data(home: Home, known: Known) -> dict[str, Any] | None:
    """The task's digest, name and file, and the Merkle root and number of each split's rows."""
    evidence = known.version.evidence if known.version else None
    if evidence is None or not evidence.task:
        return None
    rows = known.document.task.rows if known.document else {}
    splits = {split: {"digest": digest, "rows": rows.get(split)} for split, digest in known.data.items()}
    try:
        task = asdict(home.tasks.get(evidence.task))
    except UserError:
        task = {"name": None, "path": None}
    return {"task": evidence.task, "name": task["name"], "path": task["path"], "splits": splits}


def _recipe(known: Known) -> dict[str, Any] | None:
    """How it can be made again: the rung's settings, seed, packages, and the command."""
    document, version = known.document, known.version
    if document is None or version is None:
        return None
    lock = document.lock
    return {
        "rung": version.evidence.rung,
        "settings": settings_of(document, version.evidence.rung),
        "seed": lock.seed,
        "packages": dict(lock.packages),
        "repeat": lock.repeat,
    }


def settings_of(document: ClimbDocument, rung: str) -> dict[str, Any]:
    """What the task said of a rung."""
    return next((dict(record.settings) for record in document.rungs if record.rung == rung), {})
