"""Rung finds the cheapest change to a language model's behaviour that passes your check.

    import rung

    task = rung.load_task("task.yaml")
    outcome = rung.climb(task)
    print(outcome.candidate.answer("The parcel came a day early, thank you!").text)

The public names are loaded when they are first asked for: `import rung` itself loads nothing but the standard library's.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rung.api import Home as Home
    from rung.api import Outcome as Outcome
    from rung.api import Registered as Registered
    from rung.api import answer as answer
    from rung.api import climb as climb
    from rung.api import evaluate as evaluate
    from rung.api import load_task as load_task
    from rung.api import open_home as open_home
    from rung.errors import BrokenEnvironment as BrokenEnvironment
    from rung.errors import RungError as RungError
    from rung.errors import UserError as UserError
    from rung.registry.documents import ClimbDocument as ClimbDocument
    from rung.registry.names import Version as Version
    from rung.types import Answer as Answer
    from rung.types import Bar as Bar
    from rung.types import Candidate as Candidate
    from rung.types import Example as Example
    from rung.types import Finding as Finding
    from rung.types import Limits as Limits
    from rung.types import Progress as Progress
    from rung.types import Row as Row
    from rung.types import Run as Run
    from rung.types import Score as Score
    from rung.types import Task as Task
    from rung.types import Verdict as Verdict

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Bar",
    "BrokenEnvironment",
    "Candidate",
    "ClimbDocument",
    "Example",
    "Finding",
    "Home",
    "Limits",
    "Outcome",
    "Progress",
    "Registered",
    "Row",
    "Run",
    "RungError",
    "Score",
    "Task",
    "UserError",
    "Verdict",
    "Version",
    "__version__",
    "answer",
    "climb",
    "evaluate",
    "load_task",
    "open_home",
]

# Read once, when torch loads its OpenMP. Threads that wait by spinning take the very core that they wait for wherever another
# program runs too: on two such cores, answering was ten times slower than with threads that sleep. Threads that sleep at once must
# be woken for every product: training took a quarter longer. A thousand turns, some ten microseconds, bridge what lies between two
# products, and cost a fifth where another program holds a core. A server's wait longer (`serve/awake.py`).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if "GOMP_SPINCOUNT" not in os.environ:
    os.environ["GOMP_SPINCOUNT"] = os.environ["RUNG_SET_SPINCOUNT"] = "1000"
# oneDNN keeps the code that it makes for each shape of a product, for the last 1,024 shapes: half a gigabyte, where every batch is
# of another length. A pass over the model meets fewer than a hundred.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")

_MODULES = {
    "rung.api": ("Home", "Outcome", "Registered", "answer", "climb", "evaluate", "load_task", "open_home"),
    "rung.errors": ("BrokenEnvironment", "RungError", "UserError"),
    "rung.registry.documents": ("ClimbDocument",),
    "rung.registry.names": ("Version",),
    "rung.types": (
        "Answer",
        "Bar",
        "Candidate",
        "Example",
        "Finding",
        "Limits",
        "Progress",
        "Row",
        "Run",
        "Score",
        "Task",
        "Verdict",
    ),
}
_HOME_OF = {name: module for module, names in _MODULES.items() for name in names}


def _public(name: str) -> Any:
    """A public name, from the module that defines it."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rung' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


# Not for type checkers: to them a name that there is not is a mistake.
if not TYPE_CHECKING:
    __getattr__ = _public


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """`rung` itself. A folder with the name of a public function (`rung/climb`) becomes an attribute once any module in it is
    imported; it can then be called in the function's place."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOME_OF and isinstance(value, ModuleType):
            value.__class__ = _Called
        super().__setattr__(name, value)


class _Called(ModuleType):
    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _public(self.__name__.rpartition(".")[2])(*arguments, **named)


sys.modules[__name__].__class__ = _Package
