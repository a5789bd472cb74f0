"""In which precision this machine computes a model: bfloat16 where it is quick here and proves close to float32."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rung.disk import replacing
from rung.engine.bases.folder import weight_files
from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.decoder import Decoder
from rung.engine.local.devices import name_of, quick_bfloat16
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.loading import load_hooked
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.shape import Shape
from rung.engine.local.tokenizer import load_tokenizer
from rung.engine.local.weights import Weights, load_weights, stored_dtype
from rung.errors import UserError, did_you_mean
from rung.json_form import digest

PRECISIONS: Mapping[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Below this many parameters a model's time goes into steps, not into weights: half the bytes would buy nothing.
SMALL_PARAMETERS = 20_000_000
# Where float32 is this sure (nats between its first and second token), bfloat16 must agree; elsewhere the two may swap near-ties.
SURE_NATS = 0.5
# The mean change of a true next token's log-probability that bfloat16's 8 bits explain, with room; broken kernels are nats away.
MEAN_CHANGE_NATS_AT_MOST = 0.1

PROBE = (
    "Thank you for writing to us. Your order 48213 left the warehouse on Friday morning and should reach Berlin within three days. "
    'If the box arrives damaged, reply with {"order": 48213, "problem": "damaged"} and we will send another one at no cost. '
    "The capital of France is Paris, the capital of Italy is Rome, and the capital of Spain is Madrid. One, two, three, four."
)


@dataclass(frozen=True, kw_only=True)
class Check:
    """bfloat16 against float32 over the positions of one text: the share of sure first tokens kept, the mean change in nats."""

    sure_tokens_kept: float
    mean_change_nats: float

    @property
    def passed(self) -> bool:
        """False for a change that is not finite, too."""
        return self.sure_tokens_kept == 1.0 and self.mean_change_nats <= MEAN_CHANGE_NATS_AT_MOST


def choose(folder: Path, config: Shape, device: torch.device) -> torch.dtype:
    """bfloat16 where this machine multiplies it natively and the model, in it, says what it says in float32; else float32.

    The check takes seconds and its result is kept beside the folder, for this torch, this processor and these weights.
    RUNG_PRECISION (float32, bfloat16) decides where it is set. Raises UserError for another value.
    """
    if told := told_precision():
        return told
    if not quick_bfloat16(device) or config.parameters < SMALL_PARAMETERS:
        return torch.float32
    notes = folder.resolve().parent / f".{folder.resolve().name}.precision.json"
    key = identity(folder, device)
    found = _recall(notes, key)
    if found is None:
        found = self_check(folder, config, device).passed
        _remember(notes, key, found)
    return torch.bfloat16 if found else torch.float32


def told_precision() -> torch.dtype | None:
    """That of RUNG_PRECISION, where it is set. Raises UserError for another value."""
    wanted = os.environ.get("RUNG_PRECISION", "").strip().lower()
    if wanted and wanted not in PRECISIONS:
        raise UserError(f"RUNG_PRECISION is '{wanted}'", hint=did_you_mean(wanted, PRECISIONS))
    return PRECISIONS.get(wanted)


def self_check(folder: Path, config: Shape, device: torch.device) -> Check:
    """Reads the weights as they are stored and runs a fixed text in both precisions; float32 is unpacked one layer at a time
    where the layers are ours."""
    ids = probe_ids(folder, config, device)
    if isinstance(config, HookedShape):
        with torch.inference_mode():
            exact = log_probabilities(load_hooked(folder, config, torch.float32, device), ids)
            try:
                rounded = log_probabilities(load_hooked(folder, config, torch.bfloat16, device), ids)
            except NotHooked:
                # So coarse that the trial of our attention fails in it, where that in float32 did not: no verdict on the attention.
                return Check(sure_tokens_kept=0.0, mean_change_nats=float("inf"))
        return compare(exact, rounded, ids)
    assert isinstance(config, DecoderConfig)
    stored = load_weights(folder, config, stored_dtype(folder), device)
    with torch.inference_mode():
        exact = log_probabilities(FusedDecoder(config, in_float32(stored)), ids)
        rounded = log_probabilities(FusedDecoder(config, _cast(stored, torch.bfloat16)), ids)
    return compare(exact, rounded, ids)


def compare(exact: Tensor, rounded: Tensor, ids: Tensor) -> Check:
    """exact, rounded (n, vocabulary): log-probabilities after each of the n ids."""
    top = exact.topk(2, dim=-1)
    sure = (top.values[:, 0] - top.values[:, 1]) >= SURE_NATS
    kept = (rounded.argmax(-1) == top.indices[:, 0])[sure].float()
    following = ids[1:, None]
    change = (exact[:-1].gather(1, following) - rounded[:-1].gather(1, following)).abs().mean()
    return Check(sure_tokens_kept=float(kept.mean()) if len(kept) else 1.0, mean_change_nats=float(change))


def probe_ids(folder: Path, config: Shape, device: torch.device) -> Tensor:
    """PROBE, as far as the model reads."""
    ids = load_tokenizer(folder).encode(PROBE, add_special_tokens=False)
    return torch.tensor(ids[: config.max_positions], device=device)


def log_probabilities(decoder: Decoder, ids: Tensor) -> Tensor:
    """(n, vocabulary) after each of the n ids."""
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(ids))
    hidden = decoder.hidden(ids, torch.arange(len(ids), device=ids.device), attention)
    return torch.log_softmax(decoder.logits(hidden), dim=-1)


def _cast(weights: Weights, dtype: torch.dtype) -> Weights:
    return weights.replace({name: tensor.to(dtype) for name, tensor in weights.named()})


def in_float32(weights: Weights) -> Weights:
    """The same, each layer unpacked as it is reached."""
    embedding = weights.embedding.float()
    return Weights(
        embedding=embedding,
        layers=_Float32Layers(weights.layers),
        final_norm=weights.final_norm.float(),
        head=embedding if weights.head is weights.embedding else weights.head.float(),
    )


class _Float32Layers(Sequence[Any]):
    """Layers unpacked as they are reached and dropped again, so that the check needs no float32 copy of the model."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self._layers = layers

    def __len__(self) -> int:
        return len(self._layers)

    def __getitem__(self, index: Any) -> Any:
        stored = self._layers[index]
        return type(stored)(**{name: tensor if tensor is None else tensor.float() for name, tensor in vars(stored).items()})

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


def identity(folder: Path, device: torch.device) -> str:
    """Changes with the torch build, the processor's abilities, and the weights."""
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in weight_files(folder)]
    config = (folder / "config.json").read_text("utf-8")
    return digest([torch.__version__, device.type, name_of(device), quick_bfloat16(device), config, [list(stat) for stat in stats]])


def _recall(notes: Path, key: str) -> bool | None:
    with suppress(OSError, ValueError):
        noted = json.loads(notes.read_text("utf-8"))
        if isinstance(noted, dict) and noted.get("key") == key and isinstance(noted.get("bfloat16"), bool):
            return bool(noted["bfloat16"])
    return None


def _remember(notes: Path, key: str, passed: bool) -> None:
    """A folder that cannot be written to costs a new check each time, nothing else."""
    with suppress(OSError), replacing(notes) as draft:
        draft.write_text(json.dumps({"key": key, "bfloat16": passed}) + "\n", "utf-8")
