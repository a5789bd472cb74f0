"""A decoder's tensors, read from a transformers folder and written back, as the architecture's file names and joins them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from rung.engine.bases.folder import weight_files
from rung.engine.local.architecture import DecoderConfig, Held
from rung.errors import UserError


@dataclass(kw_only=True)
class Weights:
    """All tensors of a decoder, its layers as the architecture's Layer. `head` is `embedding` itself where they are tied."""

    embedding: Tensor
    layers: Sequence[Any]
    final_norm: Tensor
    head: Tensor

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Every distinct tensor under this module's own names: what full fine-tuning trains."""
        yield "embedding", self.embedding
        for index, layer in enumerate(self.layers):
            yield from ((f"layers.{index}.{name}", tensor) for name, tensor in vars(layer).items() if tensor is not None)
        yield "final_norm", self.final_norm
        if self.head is not self.embedding:
            yield "head", self.head

    def replace(self, tensors: Mapping[str, Tensor]) -> Weights:
        """The same decoder over other tensors, named as by `named`; a tied head stays tied."""
        layers = [
            type(layer)(**{name: tensors.get(f"layers.{index}.{name}", tensor) for name, tensor in vars(layer).items()})
            for index, layer in enumerate(self.layers)
        ]
        embedding = tensors.get("embedding", self.embedding)
        head = embedding if self.head is self.embedding else tensors.get("head", self.head)
        return Weights(embedding=embedding, layers=layers, final_norm=tensors.get("final_norm", self.final_norm), head=head)


def load_weights(folder: Path, config: DecoderConfig, dtype: torch.dtype, device: torch.device) -> Weights:
    """Read the weights that transformers would take. Raises UserError naming any tensor that is missing or left over."""
    stored = {name: tensor.to(device=device, dtype=dtype) for name, tensor in _read(folder)}
    architecture = config.architecture
    try:
        top = _take(stored, "", architecture.tensors(config))
        layers = [
            architecture.Layer(**_take(stored, architecture.BLOCK.format(index), architecture.block_tensors(config)))
            for index in range(config.layers)
        ]
    except KeyError as error:
        lacking = f"the weights lack the tensor '{error.args[0]}'"
        raise UserError(lacking, where=str(folder), hint="Fetch the model again.") from None
    left = [name for name in stored if not name.endswith(architecture.IGNORED)]
    if left:
        raise UserError(f"the local engine does not know the tensors {', '.join(sorted(left)[:5])}", where=str(folder))
    return Weights(layers=layers, **{"head": top["embedding"], **top})


def _take(stored: dict[str, Tensor], at: str, wanted: Iterable[Held]) -> dict[str, Any]:
    """Moves the tensors named out of `stored`, joined as they are held; KeyError for one that must be there."""
    taken: dict[str, Any] = {}
    for held in wanted:
        names = [at + name for name in held.stored]
        if held.optional and any(name not in stored for name in names):
            taken[held.name] = None
        else:
            parts = [stored.pop(name) for name in names]
            taken[held.name] = parts[0] if len(parts) == 1 else torch.cat(parts)
    return taken


def stored_dtype(folder: Path) -> torch.dtype:
    """The precision of the first stored tensor, which is that of the weights as they were published."""
    return next(_read(folder))[1].dtype


def _read(folder: Path) -> Iterator[tuple[str, Tensor]]:
    for file in weight_files(folder):
        with safe_open(str(file), framework="pt") as reader:
            for name in reader.keys():  # noqa: SIM118 - a safe_open handle is not a mapping
                yield name, reader.get_tensor(name)


def export(weights: Weights, config: DecoderConfig) -> dict[str, Tensor]:
    """The tensors under transformers' names, each contiguous: what `model.safetensors` holds."""
    architecture = config.architecture
    out = dict(_parted(vars(weights), "", architecture.tensors(config)))
    for index, layer in enumerate(weights.layers):
        out |= _parted(vars(layer), architecture.BLOCK.format(index), architecture.block_tensors(config))
    return {name: tensor.detach().cpu().contiguous() for name, tensor in out.items()}


def _parted(tensors: Mapping[str, Any], at: str, wanted: Iterable[Held]) -> Iterator[tuple[str, Tensor]]:
    for held in wanted:
        if (tensor := tensors[held.name]) is not None:
            parts = tensor.split([size[0] for size in held.sizes])
            yield from zip((at + name for name in held.stored), parts, strict=True)
