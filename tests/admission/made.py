"""Files that nobody should admit, and one adapter that everybody should."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

from tiny_adapter import make_tiny_adapter as make_adapter

__all__ = ["make_adapter"]


def tensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    """A safetensors file with this header (JSON, or text as it is) and these bytes behind it."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def pickled(protocol: int = 2) -> bytes:
    return pickle.dumps({"weights": [1.0, 2.0], "name": "x"}, protocol=protocol)


def zipped(name: str = "archive/data.pkl") -> bytes:
    """As torch.save writes files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, pickled())
    return buffer.getvalue()


def change(folder: Path, edit: Any) -> None:
    """The adapter's tensors as `edit` leaves them."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    loaded = load_file(str(path))
    edit(loaded)
    save_file(loaded, str(path), metadata={"format": "pt"})
