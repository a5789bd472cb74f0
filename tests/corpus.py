"""The made-up files of first contact, and what an expert would have written for each; they may stand beside the project."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parents[2] / "shared" / "first_contact"
ABSENT = not (FOLDER / "check.py").exists()
WHY_ABSENT = "the corpus is not beside the project"


@cache
def checker() -> ModuleType:
    """check.py, and with it make.py; nothing is written beside them."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("first_contact_check", FOLDER / "check.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
        sys.dont_write_bytecode = before
    return module


@cache
def cases() -> dict[str, dict[str, Any]]:
    """Case -> what is expected of it; empty without the corpus."""
    return {} if ABSENT else json.loads((FOLDER / "cases.json").read_text("utf-8"))


class Corpus:
    """The files, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: set[str] = set()

    def file(self, name: str) -> Path:
        """The file (or folder) of a case that `rung init` is given."""
        if name not in self._made:
            checker().make.make(self.folder, [name])
            self._made.add(name)
        return self.folder / name / cases()[name]["file"]
