"""The shape of a base: all that adapters, training's memory and caches ask of it before, and beside, its weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rung.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Module:
    """A linear module in the words of transformers and PEFT: `path` is its place in the model, `name` the path's last part."""

    path: str
    width_out: int
    width_in: int

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Where tokens come in and go out: the embedding and the head, matrices of (vocabulary, width), as modules of the model.

    `tied`: they are one matrix.
    """

    embedding: Module
    head: Module
    tied: bool


@dataclass(frozen=True, kw_only=True)
class KeyValueSizes:
    """Of a layer's attention: heads of keys and values, and the width of each. Values may be of another width than keys."""

    heads: int
    key_width: int
    value_width: int

    @property
    def numbers(self) -> int:
        """That a token leaves in the cache."""
        return self.heads * (self.key_width + self.value_width)


@dataclass(frozen=True, kw_only=True)
class Shape(ABC):
    """What a base is, whichever way it is computed.

    raw           its transformers configuration as it is stored
    context_note  why `max_positions` is less than the configuration says; empty where it is not
    """

    vocabulary: int
    width: int
    layers: int
    max_positions: int
    raw: Mapping[str, Any]
    context_note: str = ""

    @property
    @abstractmethod
    def keys_values(self) -> tuple[KeyValueSizes, ...]:
        """What each layer's attention keeps of a token."""

    @property
    @abstractmethod
    def products(self) -> tuple[Mapping[str, tuple[Module, ...]], ...]:
        """Of each layer, its products by the names that an Update hears, and the modules whose outputs lie side by side in each."""

    @property
    def ends(self) -> Ends | None:
        """None where an adapter cannot act on them."""
        return None

    @property
    @abstractmethod
    def parameters(self) -> int:
        """All numbers in the base, a tied head counted once."""

    @abstractmethod
    def kept_bytes(self, item: int, seen: int) -> int:
        """What autograd keeps of the base for the backward pass, a token, where each sees up to `seen` tokens and a number takes
        `item` bytes; the products' inputs left out, which only some methods need."""

    @cached_property
    def module_names(self) -> tuple[str, ...]:
        """Of the linear modules of all layers, in the order of the products."""
        every = (module for layer in self.products for modules in layer.values() for module in modules)
        return tuple(dict.fromkeys(module.name for module in every))

    def modules(self, names: Sequence[str], where: str = "") -> tuple[Module, ...]:
        """The linear modules of these names, in every layer. Raises UserError for a name that no module has."""
        if unknown := [name for name in names if name not in self.module_names]:
            hint = f"Known: {', '.join(self.module_names)}."
            raise UserError(f"unknown target modules {', '.join(unknown)}", where=where, hint=hint)
        every = (module for layer in self.products for modules in layer.values() for module in modules)
        return tuple(module for module in every if module.name in names)

    def inputs(self, names: Sequence[str]) -> int:
        """Numbers a token that go into the products of any module of these names, in all layers."""
        return sum(
            modules[0].width_in for layer in self.products for modules in layer.values() if any(m.name in names for m in modules)
        )

    def token_bytes(self, item: int) -> int:
        """That a token's keys and values take, at `item` bytes a number."""
        return item * sum(sizes.numbers for sizes in self.keys_values)
