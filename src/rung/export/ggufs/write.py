"""A GGUF file written as its tensors come: none but the one under way is held twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# Read whole numbers of these keys as something else than a count.
_PLAIN = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
# As llama.cpp wants them, whatever the rest is written as.
_ALWAYS_EXACT = ("ffn_gate_inp.weight",)
Tensors = Mapping[str, Callable[[], "Tensor"]]


def write_gguf(path: Path, architecture: str, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor], dtype: str) -> None:
    """Matrices are written in this precision, all else as float32. The same content gives the same bytes."""
    import gguf

    logging.getLogger("gguf.gguf_writer").setLevel(logging.WARNING)
    writer: Any = gguf.GGUFWriter(path, architecture)
    for key, value in metadata.items():
        _add(writer, key, value)
    kinds = {name: _kind(name, tensor, dtype) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        kind = gguf.GGMLQuantizationType[kinds[name]]
        size = 4 if kinds[name] == "F32" else 2
        writer.add_tensor_info(name, tuple(tensor.shape), _numpy(kinds[name]), tensor.numel() * size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, tensor in tensors.items():
        writer.write_tensor_data(_numbers(tensor, kinds[name]))
    writer.close()


def _kind(name: str, tensor: Tensor, dtype: str) -> str:
    return "F32" if tensor.dim() < 2 or name.endswith(_ALWAYS_EXACT) else _PLAIN[dtype]


def _numpy(kind: str) -> Any:
    import numpy

    return numpy.dtype(numpy.float32 if kind == "F32" else numpy.float16)


def _numbers(tensor: Tensor, kind: str) -> Any:
    """Of bfloat16, which numpy has not, its two bytes as another type of two."""
    import torch

    wanted = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[kind]
    made = tensor.detach().to(wanted).contiguous()
    return made.view(torch.int16).numpy() if kind == "BF16" else made.numpy()


def _add(writer: Any, key: str, value: Any) -> None:
    import gguf

    if isinstance(value, list):
        writer.add_array(key, value)
        return
    kinds = {bool: "BOOL", int: "UINT32", float: "FLOAT32", str: "STRING"}
    writer.add_key_value(key, value, gguf.GGUFValueType[kinds[type(value)]])
