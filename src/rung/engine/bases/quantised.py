"""Quantised checkpoints: unpacked once where their own numbers say exactly how, else refused as what they are.

Unpacked are
    fp8      8-bit floats with a scale for the tensor, for each row or for each block (DeepSeek's `weight_scale_inv`, and
             `weight_scale` of llm-compressor and FBGEMM): the product, rounded to bfloat16, as transformers dequantises it
    mxfp4    gpt-oss's 4-bit floats with a shared exponent for each 32, by transformers' own function
    plain    a configuration that still speaks of bitsandbytes beside weights that were merged and saved whole
What a kernel library alone can read (awq, gptq, 4-bit bitsandbytes, ...) is not guessed at.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.bases.checkpoint import SINGLE, Checkpoint, Stored, read_json
from rung.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 4 << 30
_KEYS = ("quantization_config", "compression_config", "quantization")
# How the tensors that a method leaves behind end, where no configuration names it.
_SIGNS = {
    ".g_idx": "gptq",
    ".qweight": "awq or gptq",
    ".weight_packed": "compressed-tensors",
    ".absmax": "bitsandbytes",
    ".SCB": "bitsandbytes",
    ".weight_scale_inv": "fp8",
    "_blocks": "mxfp4",
    ".W_q": "hqq",
}
_PLAIN = ("F64", "F32", "F16", "BF16")
_SCALES = ("_scale_inv", "_scale")
# What the running model would be told of its inputs' ranges: no part of the weights.
_RANGES = (".input_scale", ".activation_scale", ".input_scale_ub")


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """How weights were quantised.

    method   in transformers' word for it
    told     the configuration's own settings of it
    unpack   fp8, mxfp4 or plain; "" where only a library that is not used here could
    """

    method: str
    told: Mapping[str, Any]
    unpack: str

    def refused(self, where: str) -> UserError:
        """What to tell the owner of weights that are not unpacked here."""
        bits = self.told.get("bits") or self.told.get("w_bit") or (4 if self.told.get("load_in_4bit") else None)
        said = f"{self.method}, {bits} bits" if bits else self.method
        return UserError(
            f"the weights are quantised ({said}), which is not computed here",
            where=where,
            hint="Name the model that they were made from; or serve this one elsewhere and name its https:// address.",
        )


def quantised(config: Mapping[str, Any], tensors: Mapping[str, Stored]) -> Quantised | None:
    """How a checkpoint was quantised, by its configuration and its tensors; None where it was not."""
    told = _settings(config)
    signs = [method for end, method in _SIGNS.items() if any(name.endswith(end) for name in tensors)]
    strange = sorted({stored.dtype for stored in tensors.values()} - set(_PLAIN))
    floats8 = any(kind.startswith("F8_E4M3") for kind in strange)
    if not told:
        packed = strange and strange != ["I64"]
        method = signs[0] if signs else "fp8" if floats8 else f"stored as {', '.join(strange)}" if packed else ""
        return Quantised(method=method, told={}, unpack="mxfp4" if method == "mxfp4" else "") if method else None
    unnamed = (
        "bitsandbytes" if told.get("load_in_4bit") or told.get("load_in_8bit") else "mlx" if "group_size" in told else "unknown"
    )
    method = str(told.get("quant_method") or unnamed)
    return Quantised(method=method, told=told, unpack=_how(method, told, tensors, floats8=floats8, plain=not (signs or strange)))


def _how(method: str, told: Mapping[str, Any], tensors: Mapping[str, Stored], *, floats8: bool, plain: bool) -> str:
    if method.startswith("bitsandbytes") and plain:
        return "plain"
    if method == "mxfp4" and any(name.endswith("_blocks") for name in tensors):
        return "mxfp4"
    own = method in ("fp8", "fbgemm_fp8") and told.get("expert_dtype", "fp8") == "fp8" and told.get("scale_fmt") != "ue8m0"
    compressed = method == "compressed-tensors" and told.get("format") == "float-quantized" and not told.get("kv_cache_scheme")
    return "fp8" if floats8 and (own or compressed) else ""


def _settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    places = [config, *(part for name in ("text_config", "llm_config") if isinstance(part := config.get(name), Mapping))]
    return next((told for place in places for key in _KEYS if isinstance(told := place.get(key), Mapping) and told), {})


def unpacked_into(target: Path, folder: Path, found: Checkpoint, how: Quantised, others: list[str]) -> None:
    """Writes the model in bfloat16 to `target`: weights, a configuration that no longer speaks of it, and the files `others`.

    Raises UserError for a scale that does not fit its tensor, and for what would not be a finite number.
    """
    from safetensors.torch import save_file

    target.mkdir(parents=True, exist_ok=True)
    unpack = {"fp8": _fp8, "mxfp4": _mxfp4, "plain": _as_it_is}[how.unpack]
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in unpack(_Reader(folder, found), how.told):
        if not bool(tensor.isfinite().all()):
            raise UserError(
                f"the tensor '{name}' is not finite once it is unpacked", where=str(folder), hint="Download the model again."
            )
        if parts[-1] and size + tensor.nbytes > SHARD_BYTES:
            parts.append({})
            size = 0
        parts[-1][name] = tensor.contiguous()
        size += tensor.nbytes
    names = [SINGLE] if len(parts) == 1 else [f"model-{at + 1:05}-of-{len(parts):05}.safetensors" for at in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        save_file(part, str(target / name), metadata={"format": "pt"})
    if len(parts) > 1:
        places = {tensor: name for name, part in zip(names, parts, strict=True) for tensor in part}
        total = sum(tensor.nbytes for part in parts for tensor in part.values())
        _write(target / f"{SINGLE}.index.json", {"metadata": {"total_size": total}, "weight_map": places})
    _write(target / "config.json", _without(read_json(folder / "config.json")))
    for name in others:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


class _Reader:
    """Tensors by name, whichever file they stand in."""

    def __init__(self, folder: Path, found: Checkpoint) -> None:
        from safetensors import safe_open

        self.where = str(folder)
        self._opened: list[Any] = [safe_open(str(folder / name), framework="pt") for name in found.files]
        self._places = {name: file for file in self._opened for name in file.keys()}  # noqa: SIM118 - no mapping

    @property
    def names(self) -> list[str]:
        return sorted(self._places)

    def get(self, name: str) -> Tensor:
        tensor: Tensor = self._places[name].get_tensor(name)
        return tensor

    def has(self, name: str) -> bool:
        return name in self._places


def _as_it_is(reader: _Reader, told: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    yield from ((name, reader.get(name)) for name in reader.names)


def _fp8(reader: _Reader, told: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    import torch

    block = told.get("weight_block_size")
    scales = {name + end for name in reader.names for end in _SCALES if reader.has(name + end)}
    for name in reader.names:
        if name in scales or name.endswith(_RANGES):
            continue
        tensor = reader.get(name)
        if not str(tensor.dtype).startswith("torch.float8"):
            yield name, tensor
            continue
        scale = next((reader.get(name + end) for end in _SCALES if reader.has(name + end)), None)
        if scale is None:
            raise UserError(f"the 8-bit tensor '{name}' has no scale", where=reader.where, hint="Download the model again.")
        whole = _spread(scale.float(), tensor.shape, block, name, reader.where)
        yield name, (tensor.float() * whole).to(torch.bfloat16)


def _spread(scale: Tensor, shape: Any, block: Any, name: str, where: str) -> Tensor:
    """A tensor's scales, one for all, for each row, or for each block, as something that multiplies it."""
    rows, columns = shape[-2], shape[-1]
    if scale.numel() == 1:
        return scale.reshape(())
    if tuple(scale.shape) == (rows, 1) and not block:
        return scale
    if block and tuple(scale.shape) == (-(-rows // block[0]), -(-columns // block[1])):
        return scale.repeat_interleave(block[0], 0)[:rows].repeat_interleave(block[1], 1)[:, :columns]
    problem = f"the scales of '{name}', {tuple(scale.shape)}, do not fit its shape, {tuple(shape)}"
    raise UserError(f"{problem}, in blocks of {block}" if block else problem, where=where, hint="Download the model again.")


def _mxfp4(reader: _Reader, told: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    for name in reader.names:
        if name.endswith("_blocks"):
            bare = name.removesuffix("_blocks")
            if not reader.has(f"{bare}_scales"):
                raise UserError(f"the 4-bit tensor '{name}' has no scales", where=reader.where, hint="Download the model again.")
            yield bare, convert_moe_packed_tensors(reader.get(name), reader.get(f"{bare}_scales"))
        elif not (name.endswith("_scales") and reader.has(f"{name.removesuffix('_scales')}_blocks")):
            yield name, reader.get(name)


def _without(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as if nothing had been quantised."""
    parts = ("text_config", "llm_config")
    return {
        key: _without(value) if key in parts and isinstance(value, dict) else value
        for key, value in config.items()
        if key not in _KEYS
    }


def _write(file: Path, value: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
