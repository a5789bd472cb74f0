"""The folder is the registry: a file's stem is the plug-in's name, its docstring's first line the help.

Third parties add theirs by entry points named like the slot: `rung.scorers`, `rung.rungs`, `rung.methods`, ...
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from rung.errors import UserError, did_you_mean

SLOTS = {
    "scorers": "rung.verify.scorers",
    "rungs": "rung.rungs",
    "methods": "rung.train.methods",
    "objectives": "rung.train.objectives",
    "containers": "rung.data.read.containers",
    "shapes": "rung.data.shapes",
    "checks": "rung.data.checks",
    "backends": "rung.engine.backends",
    "architectures": "rung.engine.local.models",
    "adapter_kinds": "rung.engine.local.adapter_kinds",
    "probes": "rung.climb.diagnosis.probes",
    "formats": "rung.export.formats",
}
# What a plug-in of each slot defines, and the files beside it that only help do not.
VERBS = {
    "scorers": "score",
    "rungs": "build",
    "methods": "apply",
    "objectives": "loss",
    "containers": "unpack",
    "shapes": "convert",
    "checks": "check",
    "backends": "open",
    "architectures": "block",
    "adapter_kinds": "update",
    "probes": "probe",
    "formats": "write",
}


@cache
def names(slot: str) -> tuple[str, ...]:
    """The plug-ins of a slot, sorted, without importing them."""
    own = {file.stem for file in _folder(slot).glob("*.py") if _defines(file, VERBS[slot])}
    return tuple(sorted(own | set(_entry_points(slot))))


def _defines(file: Path, verb: str) -> bool:
    return f"\ndef {verb}(" in file.read_text("utf-8")


@cache
def load(slot: str, name: str) -> ModuleType:
    """The plug-in's module. Raises UserError, with the nearest name, where there is none."""
    if name not in names(slot):
        raise UserError(f"no {slot[:-1]} is called '{name}'", hint=did_you_mean(name, names(slot)))
    entry = _entry_points(slot).get(name)
    return entry.load() if entry else importlib.import_module(f"{SLOTS[slot]}.{name}")


def help_line(slot: str, name: str) -> str:
    """The first line of the plug-in's docstring, read without importing it where it is one of ours."""
    file = _folder(slot) / f"{name}.py"
    doc = ast.get_docstring(ast.parse(file.read_text("utf-8"))) if file.exists() else load(slot, name).__doc__
    return (doc or "").strip().split("\n")[0]


def _folder(slot: str) -> Path:
    return Path(__file__).parent.joinpath(*SLOTS[slot].split(".")[1:])


@cache
def _entry_points(slot: str) -> dict[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in metadata.entry_points(group=f"rung.{slot}")}
