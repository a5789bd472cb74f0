"""What a kind of adapter makes of a file of PEFT's, and what a base must say of itself for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from rung.engine.local.adapted import ModuleEffect
from rung.engine.local.ends import NOWHERE, EndsEffect
from rung.engine.local.peft.files import Key
from rung.engine.local.shape import Ends, Module, Shape
from rung.engine.local.update import Update

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class BasePaths:
    """The linear modules of a base by their paths, and its ends, where adapters can act on these."""

    shape: Shape
    modules: Mapping[str, Module]
    ends: Ends | None

    @classmethod
    def of(cls, shape: Shape) -> BasePaths:
        modules = {module.path: module for layer in shape.products for modules in layer.values() for module in modules}
        return cls(shape=shape, modules=modules, ends=shape.ends)

    @property
    def embedding(self) -> Module:
        return self.ends.embedding if self.ends else _NONE

    @property
    def head(self) -> Module:
        return self.ends.head if self.ends else _NONE

    @property
    def tied(self) -> bool:
        return self.ends is not None and self.ends.tied

    def named(self) -> Iterable[str]:
        return (*self.modules, *((self.embedding.path, self.head.path) if self.ends else ()))


# A module of no path, which no tensor is of.
_NONE = Module(path="", width_out=0, width_in=0)


@dataclass(frozen=True, kw_only=True)
class Read:
    """effects  on the linear modules, by path
    own         what acts on them in another way
    ends        what is done to the embedding and the head
    used        the tensors that this is made of
    idle        why it would change no answer; empty where it would
    """

    used: frozenset[Key]
    effects: Mapping[str, ModuleEffect] = field(default_factory=dict)
    own: Callable[[torch.dtype], Update] | None = None
    ends: EndsEffect = NOWHERE
    idle: str = ""
