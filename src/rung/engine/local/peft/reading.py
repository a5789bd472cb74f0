"""What a kind of adapter makes of a file of PEFT's, and what a base must say of itself for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from rung.engine.local.adapted import ModuleEffect
from rung.engine.local.architecture import DecoderConfig, Module
from rung.engine.local.ends import NOWHERE, EndsEffect
from rung.engine.local.peft.files import Key
from rung.engine.local.update import Update

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class BasePaths:
    """The linear modules of a base by their paths, and where its embedding and its head stand. `tied`: these are one matrix."""

    shape: DecoderConfig
    modules: Mapping[str, Module]
    embedding: Module
    head: Module
    tied: bool

    @classmethod
    def of(cls, shape: DecoderConfig) -> BasePaths:
        stored = {held.name: held.stored[0].removesuffix(".weight") for held in shape.architecture.tensors(shape)}
        vocabulary = {"width_out": shape.vocabulary, "width_in": shape.width}
        return cls(
            shape=shape,
            modules={module.path: module for layer in shape.products for modules in layer.values() for module in modules},
            embedding=Module(path=stored["embedding"], **vocabulary),
            head=Module(path=stored.get("head", "lm_head"), **vocabulary),
            tied=shape.tied,
        )

    def named(self) -> Iterable[str]:
        return (*self.modules, self.embedding.path, self.head.path)


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
