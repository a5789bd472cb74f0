"""The decoder of a base that transformers' modelling code computes, one flat pass at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rung.engine.local.attention import Attention
from rung.engine.local.decoder import Begun, Decoder, Head
from rung.engine.local.hooked.interface import answer_with, cap_of, scale_of, sinks_of
from rung.engine.local.hooked.look import stack_of
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.matrices import product as plain
from rung.engine.local.modules import save_module
from rung.engine.local.scoring import Scoring
from rung.engine.local.update import Update

# Where a linear module keeps its weight otherwise than as a tensor; its own parameter is then a shape without numbers.
KEPT = "kept_weight"


@dataclass(kw_only=True)
class Pass:
    """One forward pass under way. `attended` counts the calls of attention: each has its own place in the cache."""

    ids: Tensor
    attention: Attention
    update: Update | None
    attended: int = 0


@dataclass
class Running:
    """The pass that a model's hooks belong to; None while it runs by itself. A model computes one pass at a time."""

    now: Pass | None = None
    lock: Any = field(default_factory=RLock)


class HookedDecoder(Decoder):
    """`model` is transformers' own, in evaluation mode, hooked by `hook`; `tensors` stand in for its parameters in each pass."""

    WAY = "hooked"

    config: HookedShape

    def __init__(
        self,
        config: HookedShape,
        model: Any,
        running: Running,
        finish: tuple[float, float] = (1.0, 0.0),
        tensors: Mapping[str, Tensor] | None = None,
    ) -> None:
        """`finish`: the head's scale and cap."""
        self.config, self.model, self._running, self._finish = config, model, running, finish
        self._tensors = tensors
        self._stack = stack_of(model)
        self._prefix = next(path for path, module in model.named_modules() if module is self._stack) + "."

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.get_input_embeddings().weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return dtype

    @property
    def head(self) -> Head:
        made, names = self.model.get_output_embeddings(), self._names()
        weight, bias = (self._current(names, getattr(made, name, None)) for name in ("weight", "bias"))
        assert weight is not None
        return Head(weight=weight, packed=self.packed_head, bias=bias, scale=self._finish[0], cap=self._finish[1])

    def hidden(
        self,
        ids: Tensor,
        positions: Tensor,
        attention: Attention,
        update: Update | None = None,
        only: Tensor | None = None,
        *,
        begun: Begun | None = None,
    ) -> Tensor:
        given = {"input_ids": ids[None], "position_ids": positions[None], "use_cache": False}
        with self._running.lock:
            self._running.now = Pass(ids=ids, attention=attention, update=update)
            try:
                out = torch.func.functional_call(self._stack, self._own, (), given) if self._tensors else self._stack(**given)
            finally:
                self._running.now = None
        hidden: Tensor = out.last_hidden_state[0]
        return hidden if only is None else hidden.index_select(0, only)

    def embed(self, rows: Tensor) -> Tensor:
        """By the embedding's own code, over these rows in the place of its own; what is at its padding is no other there."""
        module = self.model.get_input_embeddings()
        least = abs(module.padding_idx or 0) + 1
        weight = F.pad(rows, (0, 0, 0, max(0, least - len(rows))))
        now, self._running.now = self._running.now, None
        try:
            found: Tensor = torch.func.functional_call(module, {"weight": weight}, (torch.arange(len(rows), device=rows.device),))
        finally:
            self._running.now = now
        return found

    def named(self) -> dict[str, Tensor]:
        """Under transformers' own names: the parameters of the decoder and of the head."""
        head = {id(parameter) for parameter in self.model.get_output_embeddings().parameters()}
        current = self._tensors or {}
        return {
            name: current.get(name, parameter.detach())
            for name, parameter in self.model.named_parameters()
            if name.startswith(self._prefix) or id(parameter) in head
        }

    def over(self, tensors: Mapping[str, Tensor]) -> HookedDecoder:
        return HookedDecoder(self.config, self.model, self._running, self._finish, {**(self._tensors or {}), **tensors})

    def save_weights(self, folder: Path) -> None:
        """By transformers, which knows how tensors that it joined in memory are stored apart."""
        names, current = self._names(), self._tensors or {}
        stored = dict(self.model.state_dict())
        for name, parameter in self.model.named_parameters(remove_duplicate=False):
            if names[id(parameter)] in current:
                stored[name] = current[names[id(parameter)]].detach()
        save_module(self.model, folder, stored)

    @property
    def _own(self) -> dict[str, Tensor]:
        """The tensors of the stack, by their names in it."""
        return {
            name.removeprefix(self._prefix): tensor
            for name, tensor in (self._tensors or {}).items()
            if name.startswith(self._prefix)
        }

    def _names(self) -> dict[int, str]:
        return {id(parameter): name for name, parameter in self.model.named_parameters()}

    def _current(self, names: Mapping[int, str], parameter: Tensor | None) -> Tensor | None:
        if parameter is None:
            return None
        return (self._tensors or {}).get(names[id(parameter)], parameter)


def hook(model: Any, shape: HookedShape) -> Running:
    """Have the model ask the pass that is under way: at its attention, linear modules, embedding, and the end of each layer."""
    running = Running()
    layer_of = {id(part): index for index, path in enumerate(shape.look.layers) for part in model.get_submodule(path).modules()}

    def attend(module: nn.Module, queries: Tensor, keys: Tensor, values: Tensor, mask: Any, asked: Mapping[str, Any]) -> Tensor:
        run = running.now
        assert run is not None
        place, run.attended = run.attended, run.attended + 1
        own = [tensor[0].transpose(0, 1) for tensor in (queries, keys, values)]
        if run.update is not None:
            own[1], own[2] = run.update.keys_values(layer_of[id(module)], own[1], own[2])
        scoring = Scoring(scale=scale_of(asked), reach=shape.look.reaches[place], cap=cap_of(asked), sinks=sinks_of(asked))
        out = run.attention(place, own[0], own[1], own[2], scoring)
        return out.view(1, len(out), queries.shape[1], values.shape[3])

    answer_with(stack_of(model), attend)
    for layer, products in enumerate(shape.look.products):
        for path in products:
            _hook_linear(model.get_submodule(path), running, layer, path)
    for layer, path in enumerate(shape.look.layers):
        model.get_submodule(path).register_forward_hook(_at_layer_end(running, layer, shape.width))
    model.get_input_embeddings().register_forward_hook(_at_embedding(running))
    return running


def _hook_linear(module: Any, running: Running, layer: int, product: str) -> None:
    is_plain = isinstance(module, nn.Linear)

    def forward(x: Tensor) -> Tensor:
        run = running.now
        weight = getattr(module, KEPT, None)
        if weight is None:
            weight = module.weight if is_plain else module.weight.T
        if run is None or run.update is None:
            return plain(x, weight, module.bias)
        y = run.update.linear(layer, product, x.flatten(0, -2), weight, module.bias)
        return y.view(*x.shape[:-1], y.shape[-1])

    module.forward = forward


def _at_layer_end(running: Running, layer: int, width: int) -> Any:
    def change(module: nn.Module, inputs: Any, output: Any) -> Any:
        run = running.now
        if run is None or run.update is None:
            return None
        states = output[0] if isinstance(output, tuple) else output
        if states.shape != (1, len(run.ids), width):
            return None
        changed = run.update.residual(layer, states[0])[None]
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    return change


def _at_embedding(running: Running) -> Any:
    def change(module: nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
        run = running.now
        if run is None or run.update is None:
            return None
        return run.update.embedding(run.ids, output[0])[None]

    return change
