"""What a version was made from: its base, data, recipe and parents, as a document and as a tree to look at."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rung.errors import UserError

if TYPE_CHECKING:
    from rich.tree import Tree

    from rung.cli.lookup import Known
    from rung.registry.documents import ClimbDocument
    from rung.registry.home import Home
    from rung.types import Candidate

SHORT = 12


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


def drawn(title: str, document: dict[str, Any]) -> Tree:
    """The tree of a document that `lineage` made."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(title))
    for line in (*_base_lines(document["base"]), *_data_lines(document["data"]), *_recipe_lines(document["recipe"])):
        tree.add(Text(line))
    branch = tree
    for parent in document["parents"]:
        names = f"  {', '.join(parent['versions'])}" if parent["versions"] else ""
        branch = branch.add(Text(f"made from  {parent['rung']} {parent['id'][:SHORT]}{names}"))
    return tree


def _base_lines(base: dict[str, Any]) -> list[str]:
    named = f"  = {base['version']}" if base["version"] else ""
    template = f"  template {base['template'][:SHORT]}" if base["template"] else ""
    return [f"base       {_shortened(base['reference'])}{named}{template}"]


def _shortened(reference: str) -> str:
    bare, at, pin = reference.partition("@sha256:")
    return f"{bare}{at}{pin[:SHORT]}"


def _data_lines(data: dict[str, Any] | None) -> list[str]:
    if data is None:
        return ["data       not known: no climb registered it"]
    splits = [f"{split} {_rows(known['rows'])}{known['digest'][:SHORT]}" for split, known in data["splits"].items()]
    where = f"{data['name']}, {data['path']}" if data["name"] else "not stored"
    return [f"data       {', '.join(splits) or 'digests not known'}", f"task       {data['task'][:SHORT]}  ({where})"]


def _rows(count: int | None) -> str:
    return "" if count is None else f"{count:,} rows "


def _recipe_lines(recipe: dict[str, Any] | None) -> list[str]:
    if recipe is None:
        return ["recipe     not known"]
    settings = ", ".join(f"{key} {value}" for key, value in recipe["settings"].items()) or "as usual"
    packages = ", ".join(f"{name} {version}" for name, version in recipe["packages"].items() if version)
    return [f"recipe     {recipe['rung']}: {settings}; seed {recipe['seed']}; {recipe['repeat']}", f"made with  {packages}"]
