"""Learned vectors that scale keys, values and the feed-forward's inner activations (IA3: Liu et al., arXiv 2205.05638).

As PEFT has it: a module's output is multiplied, its bias included, or for feed-forward modules its input. There are some thousand
times fewer numbers to train than in the base.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from rung.engine.local.shape import Module, Shape
from rung.engine.local.update import Untouched
from rung.errors import UserError

PEFT_TYPE = "IA3"
LEARNING_RATE = 3e-3


class Config(BaseModel):
    """The modules whose output is scaled, and those among them whose input is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target_modules: tuple[str, ...] = Field(("k_proj", "v_proj", "down_proj"), min_length=1)
    feedforward_modules: tuple[str, ...] = ("down_proj",)

    @model_validator(mode="after")
    def _scaled_once(self) -> Self:
        if extra := set(self.feedforward_modules) - set(self.target_modules):
            raise ValueError(f"feedforward_modules has {', '.join(sorted(extra))}, which target_modules has not")
        return self


class Scaled(Untouched):
    """Scales in compute precision by (layer, product): of the product's input, (in,), or of its output, (out,)."""

    def __init__(self, inputs: Mapping[tuple[int, str], Tensor], outputs: Mapping[tuple[int, str], Tensor]) -> None:
        self.inputs, self.outputs = inputs, outputs

    def linear(self, layer: int, product: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        at = layer, product
        y = super().linear(layer, product, x * self.inputs[at] if at in self.inputs else x, weight, bias)
        return y * self.outputs[at] if at in self.outputs else y


def tensors(config: Config, shape: Shape) -> dict[str, tuple[int, ...]]:
    """(1, in) for a feed-forward module, (out, 1) for another. Raises UserError for an input that other modules share."""
    for modules in (modules for layer in shape.products for modules in layer.values()):
        if len(modules) > 1 and (shared := [module.name for module in modules if module.name in config.feedforward_modules]):
            raise UserError(f"the input of {shared[0]} is that of other modules too: it cannot be scaled for one alone")
    return {
        _name(module): (1, module.width_in) if module.name in config.feedforward_modules else (module.width_out, 1)
        for module in shape.modules(config.target_modules)
    }


def initialise(config: Config, shape: Shape, generator: torch.Generator) -> dict[str, Tensor]:
    """Ones: nothing is left to chance."""
    return {name: torch.ones(size) for name, size in tensors(config, shape).items()}


def update(config: Config, shape: Shape, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> Scaled:
    """Differentiable with respect to `tensors`."""
    inputs: dict[tuple[int, str], Tensor] = {}
    outputs: dict[tuple[int, str], Tensor] = {}
    for layer, products in enumerate(shape.products):
        for product, modules in products.items():
            scaled = [module for module in modules if _name(module) in tensors]
            if scaled and scaled[0].name in config.feedforward_modules:
                inputs[layer, product] = tensors[_name(scaled[0])].flatten().to(dtype)
            elif scaled:
                outputs[layer, product] = torch.cat([_output_scale(module, tensors) for module in modules]).to(dtype)
    return Scaled(inputs, outputs)


def _output_scale(module: Module, tensors: Mapping[str, Tensor]) -> Tensor:
    if _name(module) in tensors:
        return tensors[_name(module)].flatten()
    return torch.ones(module.width_out, device=next(iter(tensors.values())).device)


def idle(tensors: Mapping[str, Tensor]) -> str:
    """Why these tensors would change no answer; empty where they would."""
    return "every scale is one" if all(bool((tensor == 1).all()) for tensor in tensors.values()) else ""


def kept(config: Config, shape: Shape) -> int:
    """What is scaled: a product's input, or its whole output."""
    numbers = 0
    for modules in (modules for layer in shape.products for modules in layer.values()):
        if modules[0].name in config.feedforward_modules:
            numbers += modules[0].width_in
        elif any(module.name in config.target_modules for module in modules):
            numbers += sum(module.width_out for module in modules)
    return numbers


def to_peft(config: Config, shape: Shape) -> dict[str, Any]:
    """The keys of peft.IA3Config."""
    return {
        "target_modules": sorted(config.target_modules),
        "feedforward_modules": sorted(config.feedforward_modules),
        "fan_in_fan_out": False,
        "init_ia3_weights": True,
    }


def from_peft(raw: Mapping[str, Any], where: str) -> Config:
    """Raises UserError for a variant that is not computed."""
    lists = [raw.get(key) for key in ("target_modules", "feedforward_modules")]
    exotic = [key for key in ("modules_to_save", "exclude_modules") if raw.get(key)]
    if exotic or not all(isinstance(names, list) for names in lists):
        raise UserError(f"an adapter with {', '.join(exotic) or 'module patterns'} cannot be applied exactly", where=where)
    targets, feedforward = (tuple(names) for names in lists if names is not None)
    return Config(target_modules=targets, feedforward_modules=feedforward)


def _name(module: Module) -> str:
    return f"{module.path}.ia3_l"
