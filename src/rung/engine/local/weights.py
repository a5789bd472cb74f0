"""A decoder's tensors, read from a transformers folder and written back, as the architecture's file names and joins them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from rung.engine.bases.checkpoint import checkpoint, read_json, stored_tensors
from rung.engine.bases.folder import weight_files
from rung.engine.local.architecture import DecoderConfig, Held
from rung.engine.local.settings import SIZES
from rung.errors import UserError

SHOWN = 5
# What compilers, trainers and adapters put around a model, in the names of its tensors.
WRAPPERS = (
    "_orig_mod.",
    "_fsdp_wrapped_module.",
    "_orig_module.",
    "_checkpoint_wrapped_module.",
    "base_model.model.",
    "module.model.",
)
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


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
    """Read the weights that transformers would take.

    Raises UserError that names what is missing, of another shape, not asked for by the configuration, or not finite.
    """
    architecture = config.architecture
    refuse_misfits(folder, config)
    stored = {name: tensor.to(device=device, dtype=dtype) for name, tensor in _read(folder)}
    refuse_unfinite(stored, str(folder))
    head, embedding = _tied_names(config)
    if config.tied and embedding not in stored:
        stored[embedding] = stored.pop(head)
    top = _take(stored, "", architecture.tensors(config))
    layers = [
        architecture.Layer(**_take(stored, architecture.BLOCK.format(index), architecture.block_tensors(config)))
        for index in range(config.layers)
    ]
    return Weights(layers=layers, **{"head": top["embedding"], **top})


def refuse_misfits(folder: Path, config: DecoderConfig) -> None:
    """Raises UserError where the stored tensors are not those that the configuration asks for, by their headers alone."""
    architecture, found = config.architecture, checkpoint(folder)
    stored = stored_tensors(folder, found) if found else {}
    blocks = [architecture.BLOCK.format(index) for index in range(config.layers)]
    wanted = {name: size for held in architecture.tensors(config) for name, size in zip(held.stored, held.sizes, strict=True)}
    for block, held in product(blocks, architecture.block_tensors(config)):
        wanted |= {block + name: size for name, size in zip(held.stored, held.sizes, strict=True)}
    head, embedding = _tied_names(config)
    if config.tied and embedding not in stored and head in stored:
        wanted[head] = wanted.pop(embedding)
    missing = [name for name in wanted if name not in stored]
    odd = [name for name, size in wanted.items() if name in stored and stored[name].shape != size]
    extra = sorted(name for name in stored if name not in wanted and not name.endswith(architecture.IGNORED))
    shapes = [f"{name} {stored[name].shape} where {wanted[name]} is asked for" for name in odd]
    try:
        refuse_unfit(missing=missing, mismatched=shapes, unexpected=extra, where=str(folder))
    except UserError as error:
        raise _with_defaults(error, folder, config) from None


def _with_defaults(error: UserError, folder: Path, config: DecoderConfig) -> UserError:
    """The same error, and which sizes the configuration leaves to its class."""
    said = read_json(folder / "config.json")
    left = [name for name in (*SIZES, "tie_word_embeddings") if name not in said and config.raw.get(name) is not None]
    if not left:
        return error
    taken = ", ".join(f"{name} ({config.raw[name]} is taken)" for name in left)
    return UserError(error.problem, where=error.where, hint=f"{error.hint} config.json leaves out {taken}.")


def refuse_unfit(*, missing: Sequence[str], mismatched: Sequence[str], unexpected: Sequence[str], where: str) -> None:
    """Raises UserError where any of these tensors' names are there: weights and configuration are not of one model."""
    told = {"they lack": missing, "of another shape are": mismatched, "the configuration does not ask for": unexpected}
    if not any(told.values()):
        return
    parts = [f"{what} {_listed(names)}" for what, names in told.items() if names]
    hint = "config.json and the weights must be of one model and one save: download it again."
    if any(" (0,) " in name for name in mismatched):
        hint = "Tensors without numbers are what one of several processes held (DeepSpeed ZeRO 3, FSDP): save the gathered model."
    if any(".lora_" in name or ".base_layer." in name for name in unexpected):
        hint = "They hold an adapter that was not merged: where it was trained, save model.merge_and_unload() instead of the model."
    if wrapper := next((wrapper for wrapper in WRAPPERS if any(wrapper in name for name in unexpected)), None):
        hint = f"The names hold '{wrapper}', which is a wrapper's: save the model itself, without it."
    raise UserError(f"the weights do not fit the configuration: {'; '.join(parts)}", where=where, hint=hint)


def refuse_unfinite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Raises UserError for weights that are not all finite numbers: every answer would be nonsense."""
    # A sum is read off memory faster than a test of each; it is only a suspicion.
    suspects = [name for name, tensor in tensors.items() if not bool(tensor.sum(dtype=torch.float32).isfinite())]
    if bad := [name for name in suspects if not bool(tensors[name].isfinite().all())]:
        raise UserError(f"the weights are not finite numbers: {_listed(bad)}", where=where, hint="Download the model again.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")


def _tied_names(config: DecoderConfig) -> tuple[str, str]:
    """What head and embedding are called on disk."""
    named = {held.name: held.stored[0] for held in config.architecture.tensors(replace(config, tied=False))}
    return named["head"], named["embedding"]


def _take(stored: dict[str, Tensor], at: str, wanted: Iterable[Held]) -> dict[str, Any]:
    """Moves the tensors named out of `stored`, joined as they are held."""
    parts = {held.name: [stored.pop(at + name) for name in held.stored] for held in wanted}
    return {name: tensors[0] if len(tensors) == 1 else torch.cat(tensors) for name, tensors in parts.items()}


def stored_dtype(folder: Path) -> torch.dtype:
    """The precision of most of the stored numbers, which is that of the weights as they were published."""
    found = checkpoint(folder)
    tensors = stored_tensors(folder, found) if found else {}
    sizes = Counter[str]()
    for stored in tensors.values():
        sizes[stored.dtype] += math.prod(stored.shape)
    most = sizes.most_common(1)
    return DTYPES.get(most[0][0], torch.float32) if most else torch.float32


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
