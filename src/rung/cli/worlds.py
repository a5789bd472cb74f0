"""The planted-cause worlds of `tasks/worlds`: found, opened, climbed one after the other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import rung
from rung.errors import BrokenEnvironment

# The name under which the folder is imported: it is no part of the package.
_MODULE = "rung_worlds"


def task_folders() -> list[Path]:
    """Where worked tasks are: in the installed package, and in the checkout that it was installed from."""
    package = Path(rung.__file__).parent
    return [folder for folder in (package / "tasks", package.parents[1] / "tasks") if folder.is_dir()]


def open_worlds() -> ModuleType:
    """The package `tasks/worlds`, imported once: WORLDS, World, Size, and its module `scoring`."""
    if _MODULE in sys.modules:
        return sys.modules[_MODULE]
    file = next((path for folder in task_folders() if (path := folder / "worlds" / "__init__.py").exists()), None)
    if file is None:
        raise BrokenEnvironment("the worlds are not installed", mend="Install rung from a checkout or its wheel.")
    spec = importlib.util.spec_from_file_location(_MODULE, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module
