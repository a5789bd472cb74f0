"""The user's own function, out of a file of theirs: `file.py#function`. It runs with the user's own rights."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from rung.errors import RungError, UserError, did_you_mean


def load_function(file: Path, name: str, *, hint: str = "") -> Callable[..., Any]:
    """The function; files beside its own can be imported from it. `hint` says what the file is looked for as.

    Raises UserError where there is no such file or function, and, with the line of the mistake, where the file cannot be run.
    """
    if not file.is_file():
        raise UserError("there is no such file", where=str(file), hint=hint)
    module = _module(file)
    found = getattr(module, name, None)
    if not callable(found):
        own = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserError(f"there is no function '{name}'", where=str(file), hint=did_you_mean(name, own) if own else "")
    return found  # type: ignore[no-any-return]


def place_of(error: BaseException, file: Path) -> str:
    """`file:line` of the last line of the user's file that an error came through; of a SyntaxError, the line that it names."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    named = error.lineno if isinstance(error, SyntaxError) and error.filename == str(file) else None
    return f"{file}:{named or (lines[-1] if lines else None) or 1}"


def _module(file: Path) -> ModuleType:
    """Named after its content, so that a file that has changed is another module."""
    content = hashlib.sha256(f"{file.resolve()}\n".encode() + file.read_bytes()).hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(f"rung_user_{content}", file)
    if spec is None or spec.loader is None:
        raise UserError("this is no Python file", where=str(file))
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and the like look their own module up while it is being run.
    sys.modules[spec.name] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except RungError:
        raise
    except Exception as error:
        raise UserError(f"{type(error).__name__}: {error}", where=place_of(error, file)) from error
    finally:
        sys.path.remove(str(file.parent))
    return module
