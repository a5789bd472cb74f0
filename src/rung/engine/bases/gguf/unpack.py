"""A stored tensor's numbers, whatever they are quantised as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.engine.bases.gguf.header import COPY_AGAIN, Stored, type_name, unreadable
from rung.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

PLAIN = ("F32", "F16", "BF16", "F64")


def unpacked(stored: Stored) -> Tensor:
    """In float32. Raises UserError for a type of quantisation that cannot be unpacked, and for numbers that are not finite."""
    import numpy
    import torch
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize, quant_shape_to_byte_shape

    kind = GGMLQuantizationType(stored.kind)
    raw = numpy.memmap(stored.file, mode="r", dtype=numpy.uint8, offset=stored.start, shape=(stored.size,))
    try:
        if kind.name == "F64":
            numbers = raw.view(numpy.float64).reshape(stored.shape).astype(numpy.float32)
        elif kind.name in ("F32", "F16"):
            numbers = raw.view(numpy.dtype(f"<f{4 if kind.name == 'F32' else 2}")).reshape(stored.shape).astype(numpy.float32)
        else:
            rows = raw.reshape(quant_shape_to_byte_shape(stored.shape, kind))
            numbers = dequantize(rows, kind).astype(numpy.float32, copy=False)
    except NotImplementedError:
        raise unreadable(stored.name, stored.kind, stored.file) from None
    if not numpy.isfinite(numbers).all():
        place = f"{stored.file.name}: {stored.name}"
        raise UserError(f"numbers that are not finite, as {kind.name}", where=place, hint=COPY_AGAIN)
    return torch.from_numpy(numpy.ascontiguousarray(numbers)).reshape(stored.shape)


def narrowest(stored: Stored, numbers: Tensor) -> Tensor:
    """The numbers half as wide, where that loses nothing or where they were quantised much more coarsely."""
    import torch

    narrow = numbers.to(torch.bfloat16)
    if type_name(stored.kind) not in PLAIN or torch.equal(narrow.float(), numbers):
        return narrow
    half = numbers.to(torch.float16)
    return half if torch.equal(half.float(), numbers) else numbers
