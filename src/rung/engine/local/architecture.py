"""What a file of `models/` says of its architecture, and which of them computes a base.

The file is the one place that knows how the architecture's tensors are called on disk, which of them are kept as one, and what a
block computes. Loading and export, LoRA's modules, parameter counts and memory estimates are derived from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from rung import plugins
from rung.engine.bases.checkpoint import differ, read_json
from rung.engine.local.attention import Attention
from rung.engine.local.settings import filled
from rung.engine.local.shape import Ends, KeyValueSizes, Module, Shape
from rung.engine.local.update import Update
from rung.errors import UserError

SLOT = "architectures"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A tensor in memory, and the stored tensors that are laid on top of each other in it.

    name    of the tensor: a field of the architecture's Layer, or of Weights
    stored  their names on disk, within their block
    sizes   of each
    """

    name: str
    stored: tuple[str, ...]
    sizes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What a block needs to know of the forward pass that it is part of.

    rotation   what `rotation()` of the architecture gives for the pass's positions
    attention  mixes tokens; knows the layout
    update     what adapters add
    only       (s,) indices of the tokens to go on with after this block's attention; None for all
    """

    rotation: Any
    attention: Attention
    update: Update
    only: Tensor | None = None


class Architecture(Protocol):
    """A module of `models/`.

    MODEL_TYPES      of a transformers configuration that it computes
    BLOCK            where the tensors of block {} are stored
    HEAD             the head's place in the model, which is none of its tensors where it is tied
    IGNORED          how the names of stored tensors end that need not be read
    Layer            a dataclass of one block's tensors; a field for each of `block_tensors`, None by default where some have none
    read()           the shape, of a configuration that its class has filled in; raises NotComputed for what is not computed exactly
    tensors()        those outside of the blocks, the fields of Weights: embedding, final_norm, and head where it is not tied
    block_tensors()  those of one block. The matrices among them are the products that an Update hears of, by these names
    angles()         for a device, what gives each pass its `rotation` from positions (n,), in a dtype
    embed()          (n, width) for ids (n,)
    block()          (n, width), or (s, width) where the pass goes on with s tokens alone
    finish()         final hidden states for the last block's
    kept_bytes()     what autograd keeps of the base for the backward pass, a token, where each sees up to `seen` tokens; the
                     products' inputs left out, which only some methods need
    """

    MODEL_TYPES: tuple[str, ...]
    BLOCK: str
    HEAD: str
    IGNORED: tuple[str, ...]
    Layer: type

    def read(self, raw: Mapping[str, Any], where: str) -> DecoderConfig: ...

    def tensors(self, config: DecoderConfig) -> tuple[Held, ...]: ...

    def block_tensors(self, config: DecoderConfig) -> tuple[Held, ...]: ...

    def angles(self, config: DecoderConfig, device: torch.device) -> Callable[[Tensor, torch.dtype], Any]: ...

    def embed(self, config: DecoderConfig, embedding: Tensor, ids: Tensor) -> Tensor: ...

    def block(self, config: DecoderConfig, layer: Any, index: int, x: Tensor, run: Pass) -> Tensor: ...

    def finish(self, config: DecoderConfig, final_norm: Tensor, x: Tensor) -> Tensor: ...

    def kept_bytes(self, config: DecoderConfig, item: int, seen: int) -> int: ...


class NotComputed(UserError):
    """A base that no file of `models/` computes exactly."""


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(Shape):
    """The shape of a decoder that a file of `models/` computes, as it reads it from the transformers configuration.

    `raw` is what that configuration's class makes of it, defaults and all. `tied` is what the weights say where both are stored.
    """

    feed_forward: int
    heads: int
    key_value_heads: int
    head_width: int
    norm_epsilon: float
    tied: bool

    @property
    def query_width(self) -> int:
        return self.heads * self.head_width

    @property
    def key_value_width(self) -> int:
        return self.key_value_heads * self.head_width

    @cached_property
    def architecture(self) -> Architecture:
        return _by_model_type()[self.raw["model_type"]]

    @classmethod
    def read(cls, folder: Path) -> DecoderConfig:
        """Raises NotComputed for an architecture that is not computed exactly."""
        where, known = str(folder / "config.json"), _by_model_type()
        raw = read_json(folder / "config.json")
        if (kind := raw.get("model_type")) not in known:
            raise NotComputed(
                f"the local engine does not compute the architecture '{kind}'",
                where=where,
                hint=f"It computes {', '.join(known)}. Serve this model elsewhere and name its OpenAI-compatible address.",
            )
        config = known[kind].read(filled(raw, where), where)
        return replace(config, tied=False) if config.tied and has_own_head(folder, config) else config

    @cached_property
    def products(self) -> tuple[Mapping[str, tuple[Module, ...]], ...]:
        matrices = [held for held in self.architecture.block_tensors(self) if len(held.sizes[0]) == 2]
        blocks = [self.architecture.BLOCK.format(layer) for layer in range(self.layers)]
        return tuple({held.name: _modules(at, held) for held in matrices} for at in blocks)

    @cached_property
    def keys_values(self) -> tuple[KeyValueSizes, ...]:
        sizes = KeyValueSizes(heads=self.key_value_heads, key_width=self.head_width, value_width=self.head_width)
        return (sizes,) * self.layers

    def kept_bytes(self, item: int, seen: int) -> int:
        return self.architecture.kept_bytes(self, item, seen)

    @property
    def ends(self) -> Ends:
        stored = {held.name: held.stored[0].removesuffix(".weight") for held in self.architecture.tensors(self)}
        paths = (stored["embedding"], stored.get("head", self.architecture.HEAD))
        embedding, head = (Module(path=path, width_out=self.vocabulary, width_in=self.width) for path in paths)
        return Ends(embedding=embedding, head=head, tied=self.tied)

    @property
    def parameters(self) -> int:
        return _numbers(self.architecture.tensors(self)) + self.layers * _numbers(self.architecture.block_tensors(self))


def _modules(at: str, held: Held) -> tuple[Module, ...]:
    return tuple(
        Module(path=f"{at}{name.removesuffix('.weight')}", width_out=size[0], width_in=size[1])
        for name, size in zip(held.stored, held.sizes, strict=True)
    )


def _numbers(tensors: tuple[Held, ...]) -> int:
    return sum(math.prod(size) for held in tensors for size in held.sizes)


def has_own_head(folder: Path, config: DecoderConfig) -> bool:
    """Whether a head is stored that is not the embedding, whatever the configuration says; transformers asks the same."""
    named = {held.name: held.stored[0] for held in config.architecture.tensors(replace(config, tied=False))}
    return differ(folder, named["head"], named["embedding"])


@cache
def _by_model_type() -> dict[str, Architecture]:
    found = [cast(Architecture, plugins.load(SLOT, name)) for name in plugins.names(SLOT)]
    return {kind: architecture for architecture in found for kind in architecture.MODEL_TYPES}
