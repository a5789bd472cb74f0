"""The rule that no plug-in's name is written outside its own folder, read off the source tree without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import house

RUNG_NAME = re.compile(r"\br\d+_[a-z]\w*")
GIVING = (ast.Compare, ast.Call, ast.Dict, ast.Assign, ast.AnnAssign, ast.arguments)


def name_violations(package: Path, slots: Mapping[str, str]) -> list[str]:
    """Places outside a slot's folder that name one of its plug-ins: who needs to know something of it asks the plug-in.

    Many plug-ins are called by words that mean other things elsewhere ("format", "labels", "exact", "local", "full"), so that a
    string is taken for a plug-in's name only where the program says that it is one:

    - it is compared with, or given to, what has the slot's own noun for a name (`config.method == "full"`, `scorer="exact"`,
      `{"scorer": "exact"}`, `method: str = "lora"`), or is handed to `plugins.load` and `plugins.help_line`
    - the name is a rung's (`r4_adapter`), which is no word of any language: then it stands in no string at all
    - its module is imported

    Docstrings may name what they like.
    """
    problems = []
    found, trees = house.imports(package), {file: house.parsed(file) for file in sorted(package.rglob("*.py"))}
    for slot, dotted in slots.items():
        folder = package.joinpath(*dotted.split(".")[1:])
        names = {file.stem for file in folder.glob("*.py") if set(house.CONTRACT[slot]) & set(house.top_level(trees[file]))}
        own = set(folder.rglob("*.py"))
        homes = {f"{dotted}.{name}": name for name in names}
        problems += [
            f"{one}  (imports {homes[one.target]} by name)" for one in found if one.target in homes and one.file not in own
        ]
        for file in [file for file in trees if file not in own]:
            for line, name in _named_in(trees[file], slot, frozenset(names)):
                problems.append(f"{file}:{line}: {house.source_line(file, line)}  (names {name}, which is one of the {slot})")
    return problems


@cache
def _named_in(tree: ast.Module, slot: str, names: frozenset[str]) -> list[tuple[int, str]]:
    found = []
    for node in _telling(tree):
        if isinstance(node, ast.Constant) and slot == "rungs":
            found += [(node.lineno, name) for name in RUNG_NAME.findall(str(node.value))]
        for value in _said_of(node, slot):
            found += [(text.lineno, str(text.value)) for text in _texts(value) if text.value in names]
    return sorted(set(found))


@cache
def _telling(tree: ast.Module) -> tuple[ast.AST, ...]:
    """The nodes that may name something: strings but docstrings, and what gives a value to a name."""
    nodes = house.nodes(tree)
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs]
    return (*texts, *(node for node in nodes if isinstance(node, GIVING)))


def _said_of(node: ast.AST, slot: str) -> list[ast.expr | None]:
    """What a node compares with, or gives to, something called by the slot's noun; what it loads from the slot."""
    noun = slot.removesuffix("s")
    given: list[tuple[Any, Any]] = []
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        given = [(side, other) for side in sides for other in sides]
    elif isinstance(node, ast.Call):
        given = [(keyword.arg, keyword.value) for keyword in node.keywords]
        if house.called(node) in ("plugins.load", "plugins.help_line") and slot in [text.value for text in _texts(node.args[0])]:
            given += [(noun, value) for value in node.args[1:]]
    elif isinstance(node, ast.Dict):
        given = list(zip(node.keys, node.values, strict=True))
    elif isinstance(node, ast.Assign):
        given = [(target, node.value) for target in node.targets]
    elif isinstance(node, ast.AnnAssign):
        given = [(node.target, node.value)]
    elif isinstance(node, ast.arguments):
        known = [*node.posonlyargs, *node.args]
        given = [
            (argument.arg, default)
            for argument, default in zip(known[-len(node.defaults) or len(known) :], node.defaults, strict=True)
        ]
        given += [(argument.arg, default) for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    return [value for name, value in given if name == noun or _is_called(name, noun)]


def _is_called(node: Any, noun: str) -> bool:
    """Whether an expression is `noun`, "noun", `x.noun`, `x["noun"]` or `x.get("noun")`."""
    if isinstance(node, ast.Constant):
        return bool(node.value == noun)
    if isinstance(node, ast.Call):
        return house.called(node).endswith(".get") and bool(node.args) and noun in [text.value for text in _texts(node.args[0])]
    if isinstance(node, ast.Subscript):
        return noun in [text.value for text in _texts(node.slice)]
    return (isinstance(node, ast.Name) and node.id == noun) or (isinstance(node, ast.Attribute) and node.attr == noun)


def _texts(node: ast.expr | None) -> list[ast.Constant]:
    """A literal, or those of a literal tuple, list or set, or the ends of `a if x else b`."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [text for item in node.elts for text in _texts(item)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return [node] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
