"""What a safetensors file says of itself, read without trust and before a byte of its tensors: all that does not hold is named.

The format: eight bytes that give the header's length, the header (JSON: name to dtype, shape and data_offsets), then the tensors,
which fill the rest of the file without gap or overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.admission.faults import Fault
from rung.admission.limits import Limits, size
from rung.admission.strict import Doubled, strict_json
from rung.escapes import is_plain, quoted

BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4}
BYTES |= {"F32": 4, "F64": 8, "I64": 8, "U64": 8}
MOST_DIMENSIONS = 8
LONGEST_NAME = 1024
_AGAIN = "Copy or save the file again, as safetensors writes it."


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One entry: `begin` and `end` count from the file's beginning."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """The tensors, by where they stand; and what does not hold. Where there are faults the tensors are not to be read."""

    tensors: tuple[Tensor, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_header(path: Path, name: str, limits: Limits) -> Header:
    """Of the file at `path`, which is called `name` in what is said of it."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if whole < 8 or length > whole - 8:
            return _one(name, f"no safetensors file: its header would end at byte {8 + length:,} of {whole:,}")
        if length > limits.header:
            return _one(name, f"a header of {size(length)}, at most {size(limits.header)}")
        entries = _entries(file.read(length))
    if isinstance(entries, str):
        return _one(name, entries)
    if len(entries) > limits.entries:
        return _one(name, f"{len(entries):,} tensors, at most {limits.entries:,}")
    return _checked(name, entries, 8 + length, whole)


def _entries(text: bytes) -> dict[str, Any] | str:
    """What the header says of each tensor, or what is wrong with the header."""
    try:
        entries = strict_json(text.decode("utf-8"))
    except Doubled as error:
        return f"in its header {error}"
    except (ValueError, RecursionError):
        return "no safetensors file: its header is not JSON"
    if not isinstance(entries, dict):
        return "no safetensors file: its header is not a JSON object"
    return {name: entry for name, entry in entries.items() if name != "__metadata__"}


def _checked(name: str, entries: dict[str, Any], data: int, whole: int) -> Header:
    faults, tensors = [], []
    for key, entry in entries.items():
        read = _entry(key, entry, data, whole)
        if isinstance(read, Tensor):
            tensors.append(read)
        else:
            faults.append(Fault(file=name, said=f"the tensor {quoted(key)} {read}", hint=_AGAIN))
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    if not faults:
        faults = [Fault(file=name, said=said, hint=_AGAIN) for said in _covering(tensors, data, whole)]
    return Header(tensors=tuple(tensors), faults=tuple(faults))


def _entry(key: str, entry: Any, data: int, whole: int) -> Tensor | str:
    """The tensor, or what is wrong with it."""
    if problem := _form(key, entry):
        return problem
    dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not begin <= end <= whole - data:
        return f"would stand at bytes {begin} to {end} of {whole - data:,}"
    if (taken := math.prod(shape) * BYTES[dtype]) != end - begin:
        return f"has {end - begin:,} bytes, where {dtype} of shape {tuple(shape)} takes {taken:,}"
    return Tensor(name=key, dtype=dtype, shape=tuple(shape), begin=data + begin, end=data + end)


def _form(key: str, entry: Any) -> str:
    """What of an entry is not of the form that the format gives it."""
    if len(key) > LONGEST_NAME or not is_plain(key):
        return "has a name that is too long, or with a character that cannot be shown"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "is not told by its dtype, shape and data_offsets"
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in BYTES:
        return f"has the unknown dtype {quoted(str(entry['dtype']))}"
    if not _are_counts(entry["shape"]) or len(entry["shape"]) > MOST_DIMENSIONS:
        return "has a shape that is none"
    return "" if _are_counts(entry["data_offsets"]) and len(entry["data_offsets"]) == 2 else "has offsets that are none"


def _covering(tensors: Sequence[Tensor], data: int, whole: int) -> list[str]:
    """What lies over another, and bytes that no tensor is of: something may hide there."""
    said, reached = [], data
    for tensor in tensors:
        if tensor.begin < reached:
            said.append(f"the tensor {quoted(tensor.name)} lies over another")
        elif tensor.begin > reached:
            said.append(f"{tensor.begin - reached:,} bytes before the tensor {quoted(tensor.name)} are of no tensor")
        reached = max(reached, tensor.end)
    if reached < whole:
        said.append(f"{whole - reached:,} bytes follow the last tensor")
    return said


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in value
    )


def _one(name: str, said: str) -> Header:
    return Header(faults=(Fault(file=name, said=said, hint=_AGAIN),))
