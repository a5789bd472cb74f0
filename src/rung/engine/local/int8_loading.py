"""A base in int8, admitted or refused: it must say what it says in float32, of a fixed text and of its own answer to it.

Layers' products are in int8. Embedding and head are not: choices are told apart by the head's own rows, in float32, so that these
stay in memory anyway. Nor are experts that lie in one tensor.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rung.disk import replacing
from rung.engine.chat import prompt_tokens
from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.batching import Budget
from rung.engine.local.completing import complete
from rung.engine.local.decoder import Decoder
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.loading import load_hooked
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.int8 import Int8Matrix
from rung.engine.local.known_shape import known_shape
from rung.engine.local.packing import keep_as
from rung.engine.local.precision import (
    MEAN_CHANGE_NATS_AT_MOST,
    PROBE,
    Check,
    choose,
    compare,
    identity,
    in_float32,
    log_probabilities,
    probe_ids,
)
from rung.engine.local.rows import Ask
from rung.engine.local.shape import Shape
from rung.engine.local.tokenizer import end_tokens, load_tokenizer
from rung.engine.local.weights import Weights, load_weights, stored_dtype
from rung.errors import UserError

# Of its own answer, which the check reads too.
OWN_TOKENS = 48
_LEAVE_OUT = "Leave 'weights: int8' out of the task file's base; what was measured without it stays as it is."


def load_int8(folder: Path, dtype: torch.dtype | None, device: torch.device) -> Decoder:
    """`dtype` of all that is not in int8; None lets `precision.choose` decide.

    Raises UserError for a base that is not computed so, for a device that is not the processor, and for a base that says something
    else from int8. What the check found is kept beside the folder, for this torch, this processor and these weights.
    """
    if device.type != "cpu":
        hint = "Set RUNG_DEVICE=cpu, or leave 'weights: int8' out: an accelerator is quicker in its own precision."
        raise UserError(f"int8 weights are computed on the processor, and this machine answers on {device.type}", hint=hint)
    shape = _shape(folder)
    chosen = dtype or choose(folder, shape, device)
    decoder = _in_int8(folder, shape, chosen, device)
    notes = folder.resolve().parent / f".{folder.resolve().name}.int8.json"
    key = f"{identity(folder, device)} {chosen}"
    found = _recall(notes, key)
    if found is None:
        found = check(folder, shape, decoder)
        _remember(notes, key, found)
    if not found.passed:
        kept = f"it keeps {found.sure_tokens_kept:.1%} of the tokens that it is sure of in float32, where all are asked for"
        moved = f"log-probabilities change by {found.mean_change_nats:.2g} nats, where {MEAN_CHANGE_NATS_AT_MOST:g} is allowed"
        raise UserError(f"the base says something else from int8 weights: {kept}; {moved}", where=str(folder), hint=_LEAVE_OUT)
    return decoder


@torch.inference_mode()
def check(folder: Path, shape: Shape, decoder: Decoder) -> Check:
    """The int8 decoder against float32, over a fixed text, and over the fixed question with the answer that it gives itself."""
    texts = [probe_ids(folder, shape, decoder.device), _own_answer(folder, decoder)]
    rounded = [log_probabilities(decoder, ids) for ids in texts]
    exact = _in_full(folder, shape, decoder.device)
    found = [compare(log_probabilities(exact, ids), said, ids) for ids, said in zip(texts, rounded, strict=True)]
    sizes = [len(ids) for ids in texts]
    mean = sum(one.mean_change_nats * size for one, size in zip(found, sizes, strict=True)) / sum(sizes)
    return Check(sure_tokens_kept=min(one.sure_tokens_kept for one in found), mean_change_nats=mean)


def in_int8(weights: Weights, config: DecoderConfig, dtype: torch.dtype) -> Weights:
    """The products of every layer in int8, all else in `dtype`."""
    matrices = {name for products in config.products for name in products}
    embedding = weights.embedding.to(dtype)
    return Weights(
        embedding=embedding,
        layers=[_layer(layer, matrices, dtype) for layer in weights.layers],
        final_norm=weights.final_norm.to(dtype),
        head=embedding if weights.head is weights.embedding else weights.head.to(dtype),
    )


def _layer(layer: Any, matrices: set[str], dtype: torch.dtype) -> Any:
    held: dict[str, Any] = {}
    for name in (field.name for field in fields(layer)):
        tensor: Tensor | None = getattr(layer, name)
        held[name] = None if tensor is None else Int8Matrix.of(tensor) if name in matrices else tensor.to(dtype)
    return type(layer)(**held)


def _shape(folder: Path) -> Shape:
    """Raises UserError for a base that only its own code computes."""
    try:
        return known_shape(folder)
    except NotHooked as reason:
        raise _not_computed(folder, reason) from reason


def _not_computed(folder: Path, reason: NotHooked) -> UserError:
    problem = f"int8 weights are not computed for this base, which {reason.problem}"
    return UserError(problem, where=str(folder), hint=_LEAVE_OUT)


def _in_int8(folder: Path, shape: Shape, dtype: torch.dtype, device: torch.device) -> Decoder:
    if isinstance(shape, DecoderConfig):
        return FusedDecoder(shape, in_int8(load_weights(folder, shape, stored_dtype(folder), device), shape, dtype))
    assert isinstance(shape, HookedShape)
    try:
        decoder = load_hooked(folder, shape, dtype, device)
    except NotHooked as reason:
        raise _not_computed(folder, reason) from reason
    keep_as(decoder, Int8Matrix.of)
    return decoder


def _in_full(folder: Path, shape: Shape, device: torch.device) -> Decoder:
    if isinstance(shape, DecoderConfig):
        return FusedDecoder(shape, in_float32(load_weights(folder, shape, stored_dtype(folder), device)))
    assert isinstance(shape, HookedShape)
    return load_hooked(folder, shape, torch.float32, device)


def _own_answer(folder: Path, decoder: Decoder) -> Tensor:
    """The fixed text as a question, and what the decoder answers to it; as far as it reads."""
    tokenizer = load_tokenizer(folder)
    asked = prompt_tokens(tokenizer, [{"role": "user", "content": PROBE}], ())[: max(1, decoder.config.max_positions - OWN_TOKENS)]
    ask = Ask(ids=asked, max_tokens=min(OWN_TOKENS, decoder.config.max_positions - len(asked)))
    if ask.max_tokens < 1:
        return torch.tensor(asked, device=decoder.device)
    budget = Budget(rows=1, tokens=len(asked), kept_tokens=len(asked) + OWN_TOKENS)
    (made,) = complete(decoder, [ask], end_tokens(tokenizer, folder), None, budget)
    return torch.tensor([*asked, *made.ids], device=decoder.device)


def _recall(notes: Path, key: str) -> Check | None:
    with suppress(OSError, ValueError, TypeError):
        noted = json.loads(notes.read_text("utf-8"))
        if noted["key"] == key:
            return Check(**noted["found"])
    return None


def _remember(notes: Path, key: str, found: Check) -> None:
    """A folder that cannot be written to costs a new check each time, nothing else."""
    with suppress(OSError), replacing(notes) as draft:
        draft.write_text(json.dumps({"key": key, "found": asdict(found)}) + "\n", "utf-8")
