"""A language model in memory: tokenizer, decoder, and the precision that this machine computes it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from rung.engine.backend import AdapterUse, Backend
from rung.engine.local.adapters import AdapterCache
from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.decoder import Decoder
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.loading import load_hooked
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.memory import reuse_freed_memory
from rung.engine.local.plain_loading import load_plain
from rung.engine.local.shape import Shape
from rung.engine.local.tokenizer import end_tokens, load_tokenizer, refuse_strangers, unsayable
from rung.engine.local.update import Update
from rung.engine.local.weights import load_weights
from rung.errors import UserError


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """What training, evaluation and serving share. `folder` is where it was read from.

    `below` acts on every pass of its training, frozen: what is trained comes on top of it. Answers say their adapters themselves.
    `weights` is int8 where the decoder keeps them so, and `packed` says that they are laid out for products: it answers, and what
    is trained is read again, as it is stored.
    """

    folder: Path
    tokenizer: Any
    decoder: Decoder
    below: Update | None = None
    weights: str = ""
    packed: bool = False

    def under(self, adapters: Sequence[AdapterUse]) -> LocalModel:
        """The same model, to be trained with these adapters in place. Raises UserError for one that cannot be applied exactly."""
        return replace(self, below=AdapterCache(self.decoder).stack(adapters).update) if adapters else self

    @property
    def config(self) -> Shape:
        return self.decoder.config

    @cached_property
    def end_tokens(self) -> frozenset[int]:
        """Every id that ends an answer: of the chat template's turn, the tokenizer, and the model's own generation settings."""
        return end_tokens(self.tokenizer, self.folder)

    @cached_property
    def unsayable(self) -> torch.Tensor | None:
        """(n,) ids that are no token: rows that pad the vocabulary. None where there are none."""
        found = unsayable(self.tokenizer, self.config.vocabulary)
        return torch.tensor(found, device=self.decoder.device) if found else None

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        dtype: torch.dtype | None = None,
        device: str | None = None,
        weights: str = "",
        answers: bool = False,
    ) -> LocalModel:
        """Load a transformers folder onto the best device. `dtype` None lets `precision.choose` decide, by a self-check.

        weights  int8, or "" for those of that precision. Raises UserError where int8 is not computed, or its check refuses it.
        answers  that is all it is for: its weights are packed where that is quicker
        """
        from rung.engine.local.devices import best_device
        from rung.engine.local.int8_loading import load_int8
        from rung.engine.local.packing import pack, pack_head

        reuse_freed_memory()
        place = torch.device(device) if device else best_device()
        decoder = load_int8(folder, dtype, place) if weights else _decoder(folder, dtype, place)
        packed = answers and not weights and pack(decoder)
        if answers and weights:
            pack_head(decoder)
        tokenizer = load_tokenizer(folder)
        refuse_strangers(tokenizer, decoder.config.vocabulary, folder)
        return cls(folder=folder, tokenizer=tokenizer, decoder=decoder, weights=weights, packed=packed)


def _decoder(folder: Path, dtype: torch.dtype | None, place: torch.device) -> Decoder:
    from rung.engine.local.precision import choose

    try:
        config = DecoderConfig.read(folder)
        chosen = dtype or choose(folder, config, place)
        return FusedDecoder(config, load_weights(folder, config, chosen, place))
    except NotComputed:
        return _otherwise(folder, dtype, place)


def _otherwise(folder: Path, dtype: torch.dtype | None, place: torch.device) -> Decoder:
    """By transformers' modelling code: under this engine's attention where that says the same, else as it is."""
    from rung.engine.local.precision import choose, told_precision

    try:
        shape = HookedShape.read(folder)
        return load_hooked(folder, shape, dtype or choose(folder, shape, place), place)
    except NotHooked:
        pass
    except UserError:
        raise
    except Exception:  # code of any kind, asked in a way that it may not know: what it says by itself is tried next
        pass
    return load_plain(folder, dtype or told_precision() or torch.float32, place)


def model_of(backend: Backend) -> LocalModel:
    """The model in memory. Raises UserError for a backend that has none."""
    model: LocalModel | None = getattr(backend, "model", None)
    if model is None:
        raise UserError(f"the weights of {backend.reference} are not here to train")
    return model


def trainable_model(backend: Backend) -> LocalModel:
    """The model whose weights can be trained: the one in memory, or, where that only answers, the same as it is stored.

    Raises UserError for a backend that has none.
    """
    model = model_of(backend)
    return LocalModel.load(model.folder) if model.weights or model.packed else model
