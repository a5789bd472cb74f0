"""What a version was made from, as a tree to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.tree import Tree

SHORT = 12


def drawn(title: str, document: dict[str, Any]) -> Tree:
    """The tree of a document that `registry.lineage` made."""
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
