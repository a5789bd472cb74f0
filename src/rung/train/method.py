"""A training method, as the loop and the estimates see it: one that trains the base itself, or any kind of adapter on it."""

from __future__ import annotations

from typing import Any, Protocol, cast

from pydantic import BaseModel

from rung import plugins
from rung.engine.local import adapter
from rung.engine.local.model import LocalModel
from rung.engine.local.shape import Shape
from rung.errors import UserError, did_you_mean
from rung.train.adapted import AdapterMethod
from rung.train.trainable import Footprint, Trainable


class Method(Protocol):
    """A module of `train/methods/`, or a kind of adapter. `config` is an instance of its own Config.

    Config         the method's own settings
    LEARNING_RATE  the peak where the user names none
    apply()        the model under training, from a start that the seed decides
    parameters()   how many numbers are trained
    footprint()    the memory that it takes; `item` bytes are a number of the base
    frozen()       how many blocks lie below all that is trained
    """

    Config: type[BaseModel]
    LEARNING_RATE: float

    def apply(self, model: LocalModel, config: Any, seed: int) -> Trainable: ...

    def parameters(self, config: Any, shape: Shape) -> int: ...

    def footprint(self, config: Any, shape: Shape, item: int) -> Footprint: ...

    def frozen(self, config: Any, shape: Shape) -> int: ...


def method_names() -> tuple[str, ...]:
    """Every method: the files of `train/methods/`, and every kind of adapter that the engine can apply."""
    return tuple(sorted({*plugins.names("methods"), *plugins.names(adapter.SLOT)}))


def method_of(name: str) -> Method:
    """Raises UserError, with the nearest name, where no method is called so."""
    if name not in method_names():
        raise UserError(f"no method is called '{name}'", hint=did_you_mean(name, method_names()))
    if name in plugins.names(adapter.SLOT):
        return AdapterMethod(adapter.kind_of(name))
    return cast(Method, plugins.load("methods", name))
