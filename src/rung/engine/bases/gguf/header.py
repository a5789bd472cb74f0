"""What a GGUF file says of itself: metadata, and where each tensor lies. No tensor is read here.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import UserError

COPY_AGAIN = "Copy or download it again."
CONVERT_AGAIN = "Convert the model again with a llama.cpp of today."
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_OLDER = (b"lmgg", b"fmgg", b"tjgg", b"algg")
_MAX_DIMENSIONS = 4
_ALIGNMENT = 32


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A tensor in a file: `shape` as PyTorch counts it, the widest step first; `kind` the number of its type of quantisation."""

    name: str
    shape: tuple[int, ...]
    kind: int
    file: Path
    start: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Gguf:
    """One file, or all parts of a split one; `path` is the one that was named."""

    path: Path
    metadata: Mapping[str, Any]
    tensors: Mapping[str, Stored]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    def refusal(self, problem: str, hint: str, *, key: str = "") -> UserError:
        """An error that names the file, and the key or tensor in it."""
        return UserError(problem, where=f"{self.name}: {key}" if key else self.name, hint=hint)


class _CutOff(Exception):
    """The file ends before what it announces."""


class _Broken(Exception):
    """What stands there is no GGUF; says what."""


def read_header(path: Path) -> Gguf:
    """Raises UserError for a file that is no GGUF of this day, is cut off, or contradicts itself."""
    with path.open("rb") as file:
        _check_kind(file.read(8), path)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _read(data, path)
            except _CutOff:
                problem = f"the file is cut off: it ends at {len(data):,} bytes, within its own table of contents"
                raise UserError(problem, where=path.name, hint=COPY_AGAIN) from None
            except _Broken as broken:
                raise UserError(f"the file is damaged: {broken}", where=path.name, hint=COPY_AGAIN) from None


def _check_kind(head: bytes, path: Path) -> None:
    if head[:4] in _OLDER:
        raise UserError("a GGML file, from before GGUF", where=path.name, hint=CONVERT_AGAIN)
    if head[:4] != b"GGUF":
        raise UserError("not a GGUF file: it does not begin with 'GGUF'", where=path.name, hint=COPY_AGAIN)
    version = int.from_bytes(head[4:8], "little")
    if version == 1:
        raise UserError("a GGUF of version 1, which nothing writes any more", where=path.name, hint=CONVERT_AGAIN)
    if version not in (2, 3):
        if int.from_bytes(head[4:8], "big") in (1, 2, 3):
            hint = "Convert it: gguf-convert-endian FILE little (of the package gguf)."
            raise UserError("a big-endian GGUF", where=path.name, hint=hint)
        raise UserError(f"a GGUF of version {version}; 2 and 3 are read", where=path.name, hint=CONVERT_AGAIN)


class _Cursor:
    """Little-endian numbers and texts, one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 8

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise _CutOff
        self.at += size
        return self.data[self.at - size : self.at]

    def numbers(self, form: str, count: int = 1) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{form}")
        if count * size > len(self.data) - self.at:
            raise _CutOff
        return struct.unpack(f"<{count}{form}", self.take(count * size))

    def text(self) -> str:
        try:
            return self.take(self.numbers("Q")[0]).decode("utf-8")
        except UnicodeDecodeError:
            raise _Broken("a text in it is not UTF-8") from None

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind in _SCALARS:
            return self.numbers(_SCALARS[kind])[0]
        if kind != _ARRAY:
            raise _Broken(f"a value in it has the unknown type {kind}")
        inner, count = *self.numbers("I"), *self.numbers("Q")
        if inner == _TEXT:
            return [self.text() for _ in range(count)]
        if inner not in _SCALARS:
            raise _Broken(f"a list in it has values of the unknown type {inner}")
        return list(self.numbers(_SCALARS[inner], count))


def _read(data: mmap.mmap, path: Path) -> Gguf:
    cursor = _Cursor(data)
    tensor_count, key_count = cursor.numbers("Q", 2)
    metadata: dict[str, Any] = {}
    for _ in range(key_count):
        key = cursor.text()
        if key in metadata:
            raise _Broken(f"the key '{key}' stands in it twice")
        metadata[key] = cursor.value(cursor.numbers("I")[0])
    entries = [_entry(cursor) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise _Broken(f"general.alignment is {alignment!r}, no power of two")
    begin = -(-cursor.at // alignment) * alignment
    tensors: dict[str, Stored] = {}
    for name, shape, kind, offset in entries:
        if name in tensors:
            raise _Broken(f"the tensor '{name}' stands in it twice")
        size = _bytes_of(name, shape, kind, path)
        tensors[name] = Stored(name=name, shape=shape, kind=kind, file=path, start=begin + offset, size=size)
    _check_places(list(tensors.values()), len(data), alignment, path)
    return Gguf(path=path, metadata=metadata, tensors=tensors)


def _entry(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    name = cursor.text()
    (dimensions,) = cursor.numbers("I")
    if dimensions > _MAX_DIMENSIONS:
        raise _Broken(f"the tensor '{name}' has {dimensions} dimensions")
    shape = tuple(reversed(cursor.numbers("Q", dimensions)))
    kind, offset = *cursor.numbers("I"), *cursor.numbers("Q")
    return name, shape, kind, offset


def type_name(kind: int) -> str:
    """What the type of quantisation of this number is called."""
    from gguf.constants import GGMLQuantizationType

    try:
        return GGMLQuantizationType(kind).name
    except ValueError:
        return f"number {kind}"


def _bytes_of(name: str, shape: tuple[int, ...], kind: int, path: Path) -> int:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError):
        raise unreadable(name, kind, path) from None
    if not shape or shape[-1] % block:
        raise _Broken(f"the tensor '{name}' has rows of {shape[-1:]} numbers, in blocks of {block}")
    return math.prod(shape) // block * size


def unreadable(name: str, kind: int, path: Path) -> UserError:
    """The error for a tensor whose type of quantisation cannot be unpacked."""
    problem = f"the tensor '{name}' is quantised as {type_name(kind)}, which cannot be unpacked here"
    return UserError(problem, where=path.name, hint="Take another quantisation of the model: Q8_0, Q6_K, Q4_K_M, F16.")


def _check_places(tensors: list[Stored], length: int, alignment: int, path: Path) -> None:
    """Each tensor lies within the file, after the one before it; nothing follows the last."""
    end = 0
    for stored in sorted(tensors, key=lambda each: each.start):
        if stored.start % alignment:
            raise _Broken(f"the tensor '{stored.name}' does not begin at a multiple of {alignment}")
        if stored.start < end:
            raise _Broken(f"the tensor '{stored.name}' begins within another")
        end = stored.start + stored.size
    if end > length:
        problem = f"the file is cut off: {length:,} bytes of {end:,}"
        raise UserError(problem, where=path.name, hint=COPY_AGAIN)
    if tensors and length - end >= alignment:
        raise UserError(f"{length - end:,} bytes follow the last tensor", where=path.name, hint=COPY_AGAIN)
