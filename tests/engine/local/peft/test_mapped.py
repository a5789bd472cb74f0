"""Tensors that are cut out of one map of their file are those that safetensors reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rung.engine.local.peft.files import _mapped

DRAWN = torch.Generator().manual_seed(0)


def drawn(*size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(size, generator=DRAWN).to(dtype)


FILES = {
    "of one kind": {"b": drawn(4, 6), "a": drawn(3, 5), "c": drawn(7)},
    "of several": {"a": drawn(3, 4, dtype=torch.bfloat16), "b": drawn(2, 8), "c": drawn(4, 4, dtype=torch.float64)},
    "that do not lie evenly": {"a": drawn(3, dtype=torch.bfloat16), "b": drawn(5, 3), "c": drawn(1, dtype=torch.float16)},
    "of whole numbers too": {"a": drawn(4, 2), "b": torch.arange(6)},
    "of none": {"a": drawn(0), "b": drawn(2, 4)},
    "of a single number": {"a": drawn(1)[0], "b": drawn(2, 2)},
}


@pytest.mark.parametrize("name", FILES)
def test_they_are_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "adapter_model.safetensors"
    save_file(FILES[name], str(path), metadata={"format": "pt", "odd": "x" * 3})
    with safe_open(str(path), framework="pt") as reader:
        found = dict(_mapped(path, reader))
        assert found.keys() == FILES[name].keys()
        for key, tensor in found.items():
            assert tensor.dtype == FILES[name][key].dtype and torch.equal(tensor, FILES[name][key])


def test_a_file_whose_header_ends_anywhere_is_read(tmp_path: Path) -> None:
    """Written by others: nothing keeps a header to whole words."""
    path = tmp_path / "adapter_model.safetensors"
    numbers = drawn(2, 3)
    header = b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    assert len(header) % 8
    path.write_bytes(len(header).to_bytes(8, "little") + header + numbers.numpy().tobytes())
    with safe_open(str(path), framework="pt") as reader:
        (key, tensor), *rest = _mapped(path, reader)
    assert not rest and key == "a" and torch.equal(tensor, numbers)
