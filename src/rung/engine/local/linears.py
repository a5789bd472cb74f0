"""The linear modules of a model of transformers' own code: found as PEFT finds them, each of their products heard by an Update."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rung.engine.local.shape import Module
from rung.engine.local.update import Update

_LAYER = re.compile(r"\.(\d+)\.")
# Of a model with experts, which lie in one tensor: PEFT takes these names for the experts', wherever they stand.
_OF_EXPERTS = ("gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3")
# Model types whose quick kernels pass this module by, so that PEFT refuses it.
_PASSED_BY = ("out_proj", ("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"))


def linear_modules(model: Any, layers: int) -> dict[str, tuple[int, Any]]:
    """By path, the layer and the module of every linear map that PEFT would adapt as "all-linear": not the output head.

    Experts that lie in one tensor stay as they are, and so does what PEFT could not tell from them. What stands outside of the
    layers is of the layer behind the last.
    """
    from transformers.pytorch_utils import Conv1D

    head, left_out = model.get_output_embeddings(), _left_out(model)
    found = {}
    for path, module in model.named_modules():
        if isinstance(module, (nn.Linear, Conv1D)) and module is not head and path.rpartition(".")[2] not in left_out:
            layer = _LAYER.search(path)
            found[path] = (int(layer[1]) if layer else layers, module)
    return found


def _left_out(model: Any) -> tuple[str, ...]:
    if any(parameter.dim() == 3 and ".experts." in f".{name}" for name, parameter in model.named_parameters()):
        return _OF_EXPERTS
    name, types = _PASSED_BY
    return (name,) if model.config.model_type in types else ()


def products_of(modules: Mapping[str, tuple[int, Any]], layers: int) -> tuple[Mapping[str, tuple[Module, ...]], ...]:
    """A product each, called by its path; a place more than `layers` holds what stands outside of them."""
    products: list[dict[str, tuple[Module, ...]]] = [{} for _ in range(layers + 1)]
    for path, (layer, module) in modules.items():
        out, into = _weight(module).shape
        products[layer][path] = (Module(path=path, width_out=out, width_in=into),)
    return tuple(products if products[-1] else products[:-1])


class Linears:
    """While `heard_by` an update, the model's linear modules compute what it makes of their products."""

    def __init__(self, modules: Mapping[str, tuple[int, Any]]) -> None:
        self._update: Update | None = None
        for path, (layer, module) in modules.items():
            module.forward = self._forward(module, layer, path)

    @contextmanager
    def heard_by(self, update: Update | None) -> Iterator[None]:
        before, self._update = self._update, update
        try:
            yield
        finally:
            self._update = before

    def _forward(self, module: Any, layer: int, path: str) -> Callable[[Tensor], Tensor]:
        own = module.forward

        def forward(x: Tensor) -> Tensor:
            if self._update is None:
                plain: Tensor = own(x)
                return plain
            y = self._update.linear(layer, path, x.flatten(0, -2), _weight(module), module.bias)
            return y.view(*x.shape[:-1], -1)

        return forward


def check_linear(path: str, module: Any) -> str:
    """Why a module that calls itself linear is none; empty where it is what its weight says."""
    weight = _weight(module)
    x = torch.randn(2, 3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight)
    with torch.inference_mode():
        same = torch.allclose(module(x), F.linear(x, weight, module.bias), rtol=1e-3, atol=1e-4)
    return "" if same else f"{path} does more than its weight says"


def _weight(module: Any) -> Tensor:
    """(out, in), as nn.Linear has it; GPT-2's Conv1D keeps it the other way round."""
    weight: Tensor = module.weight
    return weight if isinstance(module, nn.Linear) else weight.T
