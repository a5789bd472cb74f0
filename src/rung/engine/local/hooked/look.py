"""A base looked at without its weights: transformers' model on no device, and one pass through it that is only written down."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rung.engine.bases.quiet import quiet
from rung.engine.local.hooked.interface import LOOKING, NotHooked, answer_with, register, unknown_in
from rung.engine.local.hooked.reach import reach_of
from rung.engine.local.linears import linear_modules, products_of
from rung.engine.local.modules import class_of
from rung.engine.local.remote_code import runs_own_code
from rung.engine.local.scoring import Reach
from rung.engine.local.shape import Ends, KeyValueSizes, Module

# Tokens of the pass that is written down.
_TOKENS = 11
# The kinds of layers whose tokens see what stands before them, or its last part, and nothing else of it. One that chooses what it
# sees by its content, or keeps it compressed, may do so only in longer passes than the one that is written down.
_KINDS = ("full_attention", "sliding_attention", "chunked_attention")
_CHOOSES = "indexer"
_LAYER = re.compile(r"^(?:.*?\.)?\d+(?=\.)")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a base's modelling code does in one pass.

    attentions   of each call of attention, in order: what it keeps of a token
    reaches      and which tokens it lets a token see
    query_widths and the width of all its heads together
    layers       the paths of the layers
    products     of each layer, by their paths: the linear modules that PEFT would adapt and that see every token
    parameters   all numbers, tied ones once
    vocabulary   scores a token
    ends         where tokens come in and go out
    kept_numbers of a token, that autograd keeps, attention itself and the linear modules' inputs left out
    """

    attentions: tuple[KeyValueSizes, ...]
    reaches: tuple[Reach, ...]
    query_widths: tuple[int, ...]
    heads: tuple[int, ...]
    layers: tuple[str, ...]
    products: tuple[Mapping[str, tuple[Module, ...]], ...]
    parameters: int
    vocabulary: int
    ends: Ends
    kept_numbers: int


def configuration(folder: Path) -> Any:
    """transformers' own. Raises NotHooked for a model type that it does not know, or that brings its own code."""
    from transformers import AutoConfig

    if runs_own_code(folder):
        raise NotHooked("is computed by code that came with it")
    try:
        with quiet():
            return AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except Exception as error:  # a stranger's file meets a stranger's reader: anything may be raised
        raise NotHooked(f"has a configuration that transformers cannot read: {_first_line(error)}") from error


def look_at(folder: Path) -> Look:
    """Raises NotHooked for a base that this engine's attention cannot compute."""
    raw = (folder / "config.json").read_text("utf-8")
    return _look(raw, str(folder))


@lru_cache(maxsize=16)
def _look(raw: str, folder: str) -> Look:
    config = configuration(Path(folder))
    name = f"'{json.loads(raw).get('model_type')}'"
    kinds = dict.fromkeys(getattr(config.get_text_config(), "layer_types", None) or ())
    if others := [kind for kind in kinds if kind not in _KINDS]:
        raise NotHooked(f"{name} has layers of the kind {', '.join(others)}, which are more than causal attention")
    model = blank_model(config)
    if any(_CHOOSES in path.rpartition(".")[2] for path, _ in model.named_modules()):
        raise NotHooked(f"{name} chooses what its tokens see by an index of their keys")
    notes = _Notes(model)
    try:
        notes.run()
    except NotHooked:
        raise
    except Exception as error:  # modelling code of any kind: what it cannot do without values is not known beforehand
        raise NotHooked(f"{name} cannot be followed without its weights: {_first_line(error)}") from error
    return notes.look()


def blank_model(config: Any) -> nn.Module:
    """On no device. Raises NotHooked for a class that does not leave its attention to others."""
    register()
    name = f"'{config.model_type}'"
    try:
        kind = class_of(config)
    except ValueError as error:
        raise NotHooked(_first_line(error)) from error
    if not getattr(kind, "_supports_attention_backend", False):
        raise NotHooked(f"{name} leaves its attention to nobody else")
    if getattr(config, "is_encoder_decoder", False):
        raise NotHooked(f"{name} has an encoder")
    try:
        with quiet(), torch.device("meta"):
            model: nn.Module = kind._from_config(config, attn_implementation=LOOKING, experts_implementation="batched_mm")
    except Exception as error:  # a stranger's configuration: which key is lacking shows only here
        raise NotHooked(f"{name} cannot be made from this configuration: {_first_line(error)}") from error
    return model.eval()


class _NoCounting(TorchFunctionMode):
    """Refuses code that numbers a pass's tokens by where they lie in it, and not by the positions that it is given."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        ends = (*args, (kwargs or {}).get("end"))
        counts = func is torch.arange and any(isinstance(end, int) and end == _TOKENS for end in ends)
        if counts and _asked_by().name.startswith("modeling_"):
            raise NotHooked("numbers its tokens by where they lie in a pass")
        return func(*args, **(kwargs or {}))


def _asked_by() -> Path:
    """The file of transformers that asks torch for something."""
    frame = sys._getframe(1)
    while frame.f_back and "transformers" not in frame.f_code.co_filename:
        frame = frame.f_back
    return Path(frame.f_code.co_filename)


class _Notes:
    """What happens in one pass of a blank model."""

    def __init__(self, model: Any) -> None:
        self.model, self.stack = model, stack_of(model)
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.calls: list[tuple[str, KeyValueSizes, Reach, int, int]] = []
        self.rows: dict[str, set[int]] = {}
        self.kept: dict[int, int] = {}
        answer_with(self.stack, self._attend)

    def run(self) -> None:
        linear = linear_modules(self.model, 0).values()
        handles = [module.register_forward_pre_hook(self._count) for _, module in linear]
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.model.get_input_embeddings().weight.requires_grad_(True)
        own = {_place(tensor) for tensor in (*self.model.parameters(), *self.model.buffers())}
        with _NoCounting(), torch.autograd.graph.saved_tensors_hooks(lambda tensor: self._keep(tensor, own), lambda tensor: tensor):
            ids = torch.zeros(1, _TOKENS, dtype=torch.int64, device="meta")
            places = torch.arange(_TOKENS, device="meta")[None]
            mask = torch.ones(1, _TOKENS, dtype=torch.bool, device="meta")
            self.stack(input_ids=ids, position_ids=places, attention_mask=mask, use_cache=False)
        for handle in handles:
            handle.remove()
        layers, told = {_layer_of(path) for path, *_ in self.calls}, self.model.config.get_text_config().num_hidden_layers
        if len(layers) < told:
            raise NotHooked(f"mixes its tokens without attention in {told - len(layers)} of its {told} layers")

    def _attend(self, module: nn.Module, queries: Tensor, keys: Tensor, values: Tensor, mask: Any, asked: Any) -> Tensor:
        if unknown := unknown_in(asked):
            raise NotHooked(f"asks its attention for {', '.join(unknown)}")
        if any(tensor.shape[2] != _TOKENS for tensor in (queries, keys, values)):
            raise NotHooked("keeps keys that are not those of its tokens, one each")
        if (reach := reach_of(mask)) is None:
            raise NotHooked("lets its tokens see others by a rule that is neither causal, a window, nor a chunk")
        heads, key_heads = queries.shape[1], keys.shape[1]
        sizes = KeyValueSizes(heads=key_heads, key_width=keys.shape[3], value_width=values.shape[3])
        self.calls.append((self.paths[id(module)], sizes, reach, heads, queries.shape[3]))
        # Anything of the right size that hangs on all three: autograd is to keep what it would keep.
        weight = queries.mean(-1, keepdim=True) + keys.mean(-1, keepdim=True).repeat_interleave(heads // key_heads, 1)
        return (values.repeat_interleave(heads // key_heads, 1) + weight).transpose(1, 2)

    def _count(self, module: nn.Module, inputs: Any) -> None:
        self.rows.setdefault(self.paths[id(module)], set()).add(inputs[0].shape[:-1].numel())

    def _keep(self, tensor: Tensor, own: set[int]) -> Tensor:
        # What has experts in front is not kept when it computes: only a pass without values gathers the weights of each token.
        gathered = tensor.dim() > 2 and tensor.shape[0] != 1
        if _place(tensor) not in own and tensor.is_floating_point() and not gathered:
            self.kept[_place(tensor)] = tensor.numel()
        return tensor

    def look(self) -> Look:
        layers = tuple(dict.fromkeys(_layer_of(path) for path, *_ in self.calls))
        head = self.model.get_output_embeddings()
        linear = linear_modules(self.model, len(layers))
        seen_by_all = {path: at for path, at in linear.items() if self.rows.get(path) == {_TOKENS} and is_linear(at[1])}
        return Look(
            attentions=tuple(sizes for _, sizes, *_ in self.calls),
            reaches=tuple(reach for _, _, reach, *_ in self.calls),
            heads=tuple(heads for *_, heads, _ in self.calls),
            query_widths=tuple(heads * width for *_, heads, width in self.calls),
            layers=layers,
            products=products_of(seen_by_all, len(layers)),
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            vocabulary=head.weight.shape[0],
            ends=self._ends(head),
            kept_numbers=sum(self.kept.values()) // _TOKENS,
        )

    def _ends(self, head: Any) -> Ends:
        """A head is the embedding where they are one, or will be once the weights are read."""
        embedding, text = self.model.get_input_embeddings(), self.model.config.get_text_config()
        tied = head.weight is embedding.weight or bool(getattr(text, "tie_word_embeddings", False))
        modules = [
            Module(path=self.paths[id(module)], width_out=module.weight.shape[0], width_in=module.weight.shape[1])
            for module in (embedding, head)
        ]
        return Ends(embedding=modules[0], head=modules[1], tied=tied)


def is_linear(module: Any) -> bool:
    """Whether it is a plain product: a kind that computes more than that (a router) is left alone."""
    from transformers.pytorch_utils import Conv1D

    return type(module) in (nn.Linear, Conv1D)


def stack_of(model: Any) -> Any:
    """The decoder without its head."""
    stack = model.get_decoder()
    return model.model if stack is model else stack


def _place(tensor: Tensor) -> int:
    place: int = tensor.untyped_storage()._cdata
    return place


def _layer_of(path: str) -> str:
    found = _LAYER.match(path)
    if not found:
        raise NotHooked(f"has its attention at '{path}', in no layer of a list")
    return found.group()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
