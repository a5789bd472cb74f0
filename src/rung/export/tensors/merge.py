"""Adapters within the weights of their base, whatever their kind: computed in float32 as they act, then rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, Parameter

from rung.engine.local.adapted import ModuleEffect
from rung.engine.local.adapter import Loaded
from rung.engine.local.ends import Rows
from rung.engine.local.modules import load_module
from rung.engine.local.shape import Module
from rung.engine.local.update import Untouched, Update
from rung.engine.local.weights import stored_dtype
from rung.errors import UserError
from rung.export.tensors.read import Stack

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(kw_only=True)
class _Change:
    """What all adapters together add to a module's weight (out, in) and to its output (out,); float32."""

    weight: Tensor | float = 0.0
    bias: Tensor | float = field(default=0.0)

    def add(self, weight: Tensor | None, bias: Tensor | None) -> None:
        self.weight = self.weight if weight is None else self.weight + weight
        self.bias = self.bias if bias is None else self.bias + bias


def merged(stack: Stack, dtype: str) -> Any:
    """Transformers' own model of the base with the adapters in its weights, in this precision.

    Raises UserError for what an adapter does that weights alone cannot, or that the architecture has no place for.
    """
    module = load_module(stack.folder, stored_dtype(stack.folder))
    with torch.no_grad():
        changes = _changes(stack, module)
        for path, change in changes.items():
            _put(module, path, change, DTYPES[dtype])
        _ends(stack, module, DTYPES[dtype])
        _refuse_lost(module, DTYPES[dtype])
        made: Any = module.to(DTYPES[dtype])
    return made


def _changes(stack: Stack, module: Any) -> dict[str, _Change]:
    found: dict[str, _Change] = {}
    for loaded in stack.adapters:
        for path, effect in loaded.read.effects.items():
            weight, bias = _of(module, path)
            changed = effect.of_weight(weight) - weight
            found.setdefault(path, _Change()).add(changed, _added(effect, bias))
        if loaded.read.own is not None:
            _learn(loaded, stack, module, found)
    return found


def _added(effect: ModuleEffect, bias: Tensor | None) -> Tensor | None:
    """What it adds to the module's output whatever comes in."""
    own = None if effect.bias is None else effect.bias - (0.0 if bias is None else bias)
    return own if effect.shift is None else effect.shift + (0.0 if own is None else own)


def _learn(loaded: Loaded, stack: Stack, module: Any, found: dict[str, _Change]) -> None:
    """Of an adapter that says what it does only by doing it: each product is asked what it makes of nothing, and of each unit."""
    assert loaded.read.own is not None
    update = loaded.read.own(torch.float32)
    _refuse_beside(update, loaded)
    for layer, products in enumerate(stack.shape.products):
        for name, modules in products.items():
            for path, (weight, bias) in _asked(update, layer, name, modules, module).items():
                found.setdefault(path, _Change()).add(weight, bias)


def _asked(
    update: Update, layer: int, name: str, modules: Sequence[Module], module: Any
) -> dict[str, tuple[Tensor | None, Tensor | None]]:
    """By path, what it adds to weight and output."""
    own = [_of(module, one.path) for one in modules]
    weight = torch.cat([matrix for matrix, _ in own])
    bias = torch.cat([torch.zeros(len(matrix)) if added is None else added for matrix, added in own])
    # Without the bias, so that what is not touched comes out to the last bit.
    none, nothing = torch.zeros_like(bias), torch.zeros(1, weight.shape[1])
    units = update.linear(layer, name, torch.eye(weight.shape[1]), weight, none) - update.linear(layer, name, nothing, weight, none)
    changed, shifted = units.T - weight, update.linear(layer, name, nothing, weight, bias)[0] - bias
    sizes = [one.width_out for one in modules]
    parts = zip(modules, changed.split(sizes), shifted.split(sizes), strict=True)
    found = {one.path: (_or_none(part), _or_none(shift)) for one, part, shift in parts}
    return {path: both for path, both in found.items() if any(part is not None for part in both)}


def _or_none(tensor: Tensor) -> Tensor | None:
    return tensor if bool(tensor.any()) else None


def _refuse_beside(update: Update, loaded: Loaded) -> None:
    """Raises UserError for one that acts elsewhere than in linear modules."""
    for place in ("residual", "keys_values", "embedding", "head"):
        if getattr(type(update), place, None) is not getattr(Untouched, place):
            problem = f"adapters of the kind {loaded.files.settings.get('peft_type')} act on more than weights ({place})"
            raise UserError(problem, where=loaded.files.where, hint="Export it as it is.")


def _of(module: Any, path: str) -> tuple[Tensor, Tensor | None]:
    """A linear module's weight (out, in) and bias, float32."""
    found = module.get_submodule(path)
    weight = found.weight if isinstance(found, Linear) else found.weight.T
    bias = getattr(found, "bias", None)
    return weight.detach().float(), None if bias is None else bias.detach().float()


def _put(module: Any, path: str, change: _Change, dtype: torch.dtype) -> None:
    found = module.get_submodule(path)
    weight, bias = _of(module, path)
    if isinstance(change.weight, Tensor):
        whole = weight + change.weight
        laid = whole if isinstance(found, Linear) else whole.T
        found.weight = Parameter(laid.to(dtype).contiguous(), requires_grad=False)
    if isinstance(change.bias, Tensor) and bool(change.bias.any()):
        if bias is None:
            problem = f"the adapter adds to the output of {path}, and the base has no bias there that could hold it"
            raise UserError(problem, hint="Export the adapter as it is.")
        found.bias = Parameter((bias + change.bias).to(dtype), requires_grad=False)


def _ends(stack: Stack, module: Any, dtype: torch.dtype) -> None:
    """The embedding and the head; where they are one and become two, the configuration says so."""
    ends = [loaded.read.ends for loaded in stack.adapters if loaded.read.ends]
    if not ends:
        return
    embedding, head = module.get_input_embeddings(), module.get_output_embeddings()
    tied = head.weight is embedding.weight or head.weight.data_ptr() == embedding.weight.data_ptr()
    before = embedding.weight.detach().float(), head.weight.detach().float()
    after = (
        _end(before[0], [(one.embedding, one.embedding_rows) for one in ends]),
        _end(before[1], [(one.head, one.head_rows) for one in ends]),
    )
    embedding.weight = Parameter(after[0].to(dtype), requires_grad=False)
    if tied and torch.equal(*after):
        head.weight = embedding.weight
        return
    head.weight = Parameter(after[1].to(dtype), requires_grad=False)
    if tied:
        for config in (module.config, module.config.get_text_config()):
            config.tie_word_embeddings = False


def _end(matrix: Tensor, effects: Iterable[tuple[ModuleEffect | None, Rows | None]]) -> Tensor:
    """(vocabulary, width) as all of them make it."""
    total = matrix
    for effect, rows in effects:
        made = effect.of_weight(matrix) if effect else matrix
        total = total + ((rows.put_into(made) if rows else made) - matrix)
    return total


def _refuse_lost(module: Any, dtype: torch.dtype) -> None:
    """Raises UserError for a number that this precision has no room for."""
    tensors: Mapping[str, Tensor] = dict(module.named_parameters())
    for name, tensor in tensors.items():
        if not bool(tensor.to(dtype).isfinite().all()):
            said = str(dtype).removeprefix("torch.")
            raise UserError(f"{name} holds numbers that {said} has no room for", hint="Write it as float32: --dtype float32.")
