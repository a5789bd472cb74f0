"""Learned vectors that scale keys, values and the feed-forward's inner activations (IA3: Liu et al., arXiv 2205.05638).

As PEFT has it: a module's output is multiplied, its bias included, or for feed-forward modules its input. There are some thousand
times fewer numbers to train than in the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from rung.engine.local.matrices import Matrix, of_rows
from rung.engine.local.peft.files import Key, PeftFiles
from rung.engine.local.peft.keys import MERGE, Keys, Values, check_keys
from rung.engine.local.peft.reading import BasePaths, Read
from rung.engine.local.peft.targets import Targets, matched
from rung.engine.local.shape import Module, Shape
from rung.engine.local.update import Untouched
from rung.errors import UserError

PEFT_TYPE = "IA3"
PARTS = ("ia3_l",)
_SUFFIX = ".ia3_l"
KEYS = Keys(
    computed=frozenset({"target_modules", "feedforward_modules", "exclude_modules", "modules_to_save"}),
    harmless=frozenset({"fan_in_fan_out", "init_ia3_weights"}),
)
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
    """Scales in compute precision by (layer, product): of the product's input, (in,), or of its output, (out,); and of the input of
    some of its modules alone, with the rows of these."""

    def __init__(
        self,
        inputs: Mapping[tuple[int, str], Tensor],
        outputs: Mapping[tuple[int, str], Tensor],
        apart: Mapping[tuple[int, str], Sequence[tuple[slice, Tensor]]] | None = None,
    ) -> None:
        self.inputs, self.outputs, self.apart = inputs, outputs, apart or {}

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        at = layer, product
        y = super().linear(layer, product, x * self.inputs[at] if at in self.inputs else x, weight, bias)
        for rows, scale in self.apart.get(at, ()):
            own = of_rows(x * scale, weight, bias, rows)
            y = torch.cat((y[:, : rows.start], own, y[:, rows.stop :]), dim=1)
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
    inward = {module.path for module in shape.modules(config.feedforward_modules)} if config.feedforward_modules else set()
    return _scaled(shape, {name.removesuffix(_SUFFIX): tensor for name, tensor in tensors.items()}, inward, dtype)


def _scaled(shape: Shape, vectors: Mapping[str, Tensor], inward: Set[str], dtype: torch.dtype) -> Scaled:
    """vectors by the path of their module; those of the paths `inward` scale its input."""
    inputs: dict[tuple[int, str], Tensor] = {}
    outputs: dict[tuple[int, str], Tensor] = {}
    apart: dict[tuple[int, str], list[tuple[slice, Tensor]]] = {}
    for layer, products in enumerate(shape.products):
        for product, modules in products.items():
            at, start = (layer, product), 0
            outward = [module for module in modules if module.path in vectors and module.path not in inward]
            if outward:
                outputs[at] = torch.cat([_output_scale(module, vectors, outward) for module in modules]).to(dtype)
            for module in modules:
                rows = slice(start, start + module.width_out)
                start = rows.stop
                if module.path in vectors and module not in outward:
                    scale = vectors[module.path].flatten().to(dtype)
                    if len(modules) == 1:
                        inputs[at] = scale
                    else:
                        apart.setdefault(at, []).append((rows, scale))
    return Scaled(inputs, outputs, apart)


def _output_scale(module: Module, vectors: Mapping[str, Tensor], outward: Sequence[Module]) -> Tensor:
    if module in outward:
        return vectors[module.path].flatten()
    return torch.ones(module.width_out, device=next(iter(vectors.values())).device)


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


def read(files: PeftFiles, base: BasePaths) -> Read:
    """Raises UserError for what is not computed, and for tensors that do not fit the settings."""
    check_keys(files.settings, KEYS, files.where)
    targets, used = Targets.read(files.settings, files.where), dict[Key, Tensor]()
    feedforward = Values(files.settings, files.where).names_or_pattern("feedforward_modules") or ()
    inward = {path for path in base.modules if _is_inward(files.called(path), feedforward, files.where)}
    paths = files.paths("ia3_l")
    if lacking := [
        path for path in base.modules if targets.wanted is not None and targets.include(files.called(path)) and path not in paths
    ]:
        problem = f"target_modules names a module that the file has no tensor of: {lacking[0]}"
        raise UserError(problem, where=files.tensors_where, hint="Copy or save the adapter again, or put it on its own base.")
    for path in paths:
        key = Key(path=path, part="ia3_l")
        if path not in base.modules or not (targets.wanted is None or targets.include(files.called(path))):
            raise files.refuse([key], "the adapter does not fit the base and its own target_modules", MERGE)
        module = base.modules[path]
        size = (1, module.width_in) if path in inward else (module.width_out, 1)
        if tuple(files.tensors[key].shape) != size:
            problem = (
                f"{files.stored[key]} has shape {tuple(files.tensors[key].shape)}, where the settings and the base ask for {size}"
            )
            hint = "Write the feedforward_modules that it was trained with, or put it on its own base."
            raise UserError(problem, where=files.tensors_where, hint=hint)
        used[key] = files.tensors[key]
    vectors = {key.path: tensor for key, tensor in used.items()}
    return Read(own=lambda dtype: _scaled(base.shape, vectors, inward, dtype), used=frozenset(used), idle=idle(vectors))


def _is_inward(path: str, feedforward: tuple[str, ...] | str, where: str) -> bool:
    """As PEFT has it: a pattern of the whole path, or how a path ends, be it within a name."""
    if isinstance(feedforward, str):
        return matched("feedforward_modules", feedforward, path, where, whole=True) is not None
    return path.endswith(feedforward)


def _name(module: Module) -> str:
    return f"{module.path}{_SUFFIX}"
