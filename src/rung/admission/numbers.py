"""The numbers of a safetensors file: of a kind that adapters have, and finite. Read in blocks, never as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.admission.faults import Fault
from rung.admission.headers import Tensor
from rung.escapes import quoted

if TYPE_CHECKING:
    import numpy as np

# How each is read as whole numbers, and the bits of its exponent: all of them are set in what is infinite, or no number.
_EXPONENTS = {"F64": ("<u8", 0x7FF0_0000_0000_0000), "F32": ("<u4", 0x7F80_0000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}
BLOCK = 1 << 22
_AGAIN = "Its training diverged: take an earlier checkpoint."
_SHARDS = "Its shards were not gathered when it was saved (ZeRO-3, FSDP): gather them, and save it again."


def number_faults(path: Path, name: str, tensors: Sequence[Tensor]) -> list[Fault]:
    """Of tensors whose header holds. Every tensor that has a fault is named."""
    if not tensors:
        return [Fault(file=name, said="no tensor in it", hint=_SHARDS)]
    faults = []
    for tensor in tensors:
        if tensor.dtype not in _EXPONENTS:
            hint = "Save the adapter in float32, float16 or bfloat16."
            faults.append(Fault(file=name, said=f"the tensor {quoted(tensor.name)} is of the type {tensor.dtype}", hint=hint))
        elif tensor.begin == tensor.end:
            faults.append(Fault(file=name, said=f"the tensor {quoted(tensor.name)} is empty", hint=_SHARDS))
        elif not _is_finite(path, tensor):
            faults.append(Fault(file=name, said=f"the tensor {quoted(tensor.name)} is not finite", hint=_AGAIN))
    return faults


def _is_finite(path: Path, tensor: Tensor) -> bool:
    kind, exponent = _EXPONENTS[tensor.dtype]
    with path.open("rb") as file:
        file.seek(tensor.begin)
        left = tensor.end - tensor.begin
        while left:
            block = file.read(min(BLOCK, left))
            if _any_not_finite(block, kind, exponent):
                return False
            left -= len(block)
    return True


def _any_not_finite(block: bytes, kind: str, exponent: int) -> bool:
    import numpy as np

    bits: np.ndarray[Any, Any] = np.frombuffer(block, dtype=np.dtype(kind))
    return bool(((bits & exponent) == exponent).any())
