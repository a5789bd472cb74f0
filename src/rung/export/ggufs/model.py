"""A merged model, or an adapter, as a GGUF file of its subject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.export.ggufs.family import Kept, kept_as
from rung.export.ggufs.keys import factors_of, metadata_of, refuse_lost
from rung.export.ggufs.tokens import token_keys
from rung.export.ggufs.write import write_gguf
from rung.export.nats import stored_as
from rung.export.subject import Subject
from rung.export.weights import ends_of

if TYPE_CHECKING:
    from rung.export.tensors.read import Stack

_HEAD = "lm_head.weight"


def write_model(subject: Subject, path: Path, *, adapted: bool = True) -> None:
    """The base with its adapters merged, or alone. Raises UserError for what the format cannot hold."""
    from rung.engine.local.tokenizer import load_tokenizer
    from rung.export.tensors.merge import merged
    from rung.export.tensors.read import read_stack

    stack = read_stack(subject)
    stack = stack if adapted else replace(stack, adapters=())
    kept, dtype = _kept(stack), stored_as(subject)
    tokenizer = load_tokenizer(stack.folder)
    tokens = token_keys(tokenizer, kept.config["vocab_size"], ends_of(stack.folder))
    module = merged(stack, dtype)
    kept = kept_as(module.config)  # a head that was one with the embedding may not be any more
    write_gguf(path, kept.architecture, _general(subject) | metadata_of(kept) | tokens, _tensors(kept, module), dtype)
    refuse_lost(path, kept)


def write_adapter(subject: Subject, path: Path) -> int:
    """All adapters as one of low rank; returns its rank. Raises UserError for what is no low rank."""
    from rung.export.tensors.low_rank import factors_of as low_rank
    from rung.export.tensors.low_rank import filled, rank_of
    from rung.export.tensors.read import read_stack

    stack = read_stack(subject)
    kept, factors = _kept(stack), low_rank(stack)
    rank = rank_of(factors)
    tensors: dict[str, Any] = {}
    for module, each in sorted(factors.items()):
        whole = filled(each, rank)
        tensors |= kept.low_rank(module, whole.down, whole.up)
    metadata = {"general.type": "adapter", "general.name": subject.ref, "adapter.type": "lora"}
    write_gguf(path, kept.architecture, {**metadata, "adapter.lora.alpha": float(rank)}, tensors, "float32")
    return rank


def _kept(stack: Stack) -> Kept:
    from transformers import AutoConfig

    return kept_as(AutoConfig.from_pretrained(str(stack.folder), local_files_only=True))


def _general(subject: Subject) -> dict[str, Any]:
    return {"general.type": "model", "general.name": subject.ref, "general.basename": subject.version.name}


def _tensors(kept: Kept, module: Any) -> dict[str, Any]:
    import torch

    made: dict[str, Any] = {}
    tied = bool(kept.config.get("tie_word_embeddings"))
    for name, tensor in module.state_dict().items():
        if not (tied and name == _HEAD):
            made |= kept.stored(name, tensor)
    return made | {name: torch.tensor(numbers) for name, numbers in factors_of(kept).items()}
