"""A decoder that answers from packed weights, where this processor multiplies from them: the same answers, sooner.

Its head is kept as it was beside that, for choices are told apart by its single rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from rung.engine.local.decoder import Decoder
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.hooked.decoder import KEPT, HookedDecoder
from rung.engine.local.hooked.loading import compare
from rung.engine.local.matrices import Matrix
from rung.engine.local.packed import PackedMatrix, packs, pays


def pack(decoder: Decoder) -> bool:
    """Lay the decoder's weights out for products, in place; whether they are. What is trained needs weights as they are stored."""
    if not _packs(decoder):
        return False
    if isinstance(decoder, FusedDecoder):
        _pack_fused(decoder)
    elif not isinstance(decoder, HookedDecoder) or not _pack_hooked(decoder):
        return False
    pack_head(decoder)
    return True


def pack_head(decoder: Decoder) -> None:
    """The head alone, where it can be; what kinds of decoders there are aside."""
    weight = decoder.head.weight
    if _packs(decoder) and pays(weight):
        decoder.packed_head = PackedMatrix.of(weight)


def _packs(decoder: Decoder) -> bool:
    return decoder.device.type == "cpu" and packs(decoder.dtype)


def _pack_fused(decoder: FusedDecoder) -> None:
    for layer, products in zip(decoder.weights.layers, decoder.config.products, strict=True):
        for name in (field.name for field in fields(layer)):
            kept = getattr(layer, name)
            if name in products and pays(kept):
                setattr(layer, name, PackedMatrix.of(kept))


def _pack_hooked(decoder: HookedDecoder) -> bool:
    """Whether the model says the same afterwards; it stays as it was where its code reads a weight past its module."""
    own = keep_as(decoder, lambda weight: PackedMatrix.of(weight) if pays(weight) else None)
    try:
        compare(decoder)
    except Exception:  # of code of any kind that reads what is not there any more
        give_back(own)
        return False
    return True


def keep_as(decoder: HookedDecoder, keep: Callable[[Tensor], Matrix | None]) -> list[tuple[Any, Tensor]]:
    """The hooked linear modules whose weight is kept otherwise, and what it was; their parameter has no numbers any more."""
    found = []
    for path in (path for products in decoder.config.products for path in products):
        module = decoder.model.get_submodule(path)
        own = module.weight
        kept = keep(own if isinstance(module, nn.Linear) else own.T)
        if kept is not None:
            setattr(module, KEPT, kept)
            module.weight = nn.Parameter(torch.empty_like(own, device="meta"), requires_grad=False)
            found.append((module, own))
    return found


def give_back(own: list[tuple[Any, Tensor]]) -> None:
    """Undo `keep_as`."""
    for module, weight in own:
        delattr(module, KEPT)
        module.weight = weight
