"""The tensors of a GGUF under transformers' names: all that the model of its configuration has, and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.engine.bases.gguf.families import Family
from rung.engine.bases.gguf.header import CONVERT_AGAIN, COPY_AGAIN, Gguf
from rung.engine.bases.gguf.rope import FREQUENCIES, LONG, SHORT
from rung.engine.bases.gguf.unpack import narrowest, unpacked

if TYPE_CHECKING:
    from torch import Tensor

_IN_BLOCK = re.compile(r"^(?:model\.layers|transformer\.h)\.(\d+)\.(.+?)(\.weight|\.bias)?$")
_HEADS = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}
_HEAD = "lm_head.weight"


def tensors_of(gguf: Gguf, family: Family, config: Mapping[str, Any], wanted: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Every tensor of `wanted` (name -> shape), as narrow as loses nothing.

    Raises UserError for one that is missing, of another shape, not finite, or left over.
    """
    sources = {name: _sources(name, family) for name in wanted if not (name == _HEAD and config["tie_word_embeddings"])}
    _check_all(gguf, sources)
    for name, stored in sources.items():
        _check_shape(gguf, family, name, stored, tuple(wanted[name]))
    made = {name: _made(gguf, family, config, name, stored) for name, stored in sources.items()}
    return _alike(made)


def _sources(name: str, family: Family) -> tuple[str, ...]:
    """The stored tensors that make the one of this name; none where the table does not know it."""
    found = _IN_BLOCK.match(name)
    if not found:
        module, _, kind = name.rpartition(".")
        return tuple(f"{stem}.{kind}" for stem in family.top.get(module, ()))
    index, module, kind = found.groups()
    return tuple(f"blk.{index}.{stem}{kind or '.weight'}" for stem in family.block.get(module, ()))


def _check_all(gguf: Gguf, sources: Mapping[str, tuple[str, ...]]) -> None:
    used = {stored for names in sources.values() for stored in names} | {FREQUENCIES, LONG, SHORT}
    unknown = [name for name, names in sources.items() if not names]
    if missing := unknown + sorted({stored for stored in used if stored not in gguf.tensors} - {FREQUENCIES, LONG, SHORT}):
        raise gguf.refusal(f"the file lacks the tensors {_some(missing)}", COPY_AGAIN)
    if left := sorted(set(gguf.tensors) - used):
        told = f"the file holds tensors that a model of its kind ({gguf.architecture}) has no place for: {_some(left)}"
        raise gguf.refusal(told, CONVERT_AGAIN)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _check_shape(gguf: Gguf, family: Family, name: str, stored: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Several stored tensors lie side by side in the last dimension but one."""
    shapes = [gguf.tensors[each].shape for each in stored]
    found = list(shapes[0])
    if len(shapes) > 1:
        found[-2] = sum(each[-2] if len(each) == len(found) else 0 for each in shapes)
    if _module(name) in family.turned and len(found) == 2:
        found.reverse()
    if tuple(found) != shape:
        said = " x ".join(map(str, shapes[0]))
        turned = tuple(reversed(shape)) if _module(name) in family.turned and len(shape) == 2 else shape
        told = f"the tensor is {said}, and the metadata want {' x '.join(map(str, turned))}"
        raise gguf.refusal(told, COPY_AGAIN, key=" and ".join(stored))


def _module(name: str) -> str:
    found = _IN_BLOCK.match(name)
    return found.group(2) if found else name.rpartition(".")[0]


def _made(gguf: Gguf, family: Family, config: Mapping[str, Any], name: str, stored: tuple[str, ...]) -> Tensor:
    import torch

    entries = [gguf.tensors[each] for each in stored]
    parts = [_at(gguf, entry.name, unpacked(entry)) for entry in entries]
    tensor = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)
    module = _module(name)
    if module in family.paired:
        tensor = _unpaired(tensor, config[_HEADS[module]])
    if family.above and module.endswith("norm"):
        tensor = tensor - family.above
    if module in family.turned and tensor.dim() == 2:
        tensor = tensor.T
    return narrowest(entries[0], tensor.contiguous())


def _at(gguf: Gguf, name: str, tensor: Tensor) -> Tensor:
    if not tensor.numel():
        raise gguf.refusal("the tensor is empty", COPY_AGAIN, key=name)
    return tensor


def _unpaired(tensor: Tensor, heads: int) -> Tensor:
    """Rows of a head from (0, half, 1, half + 1, ...) to (0, 1, ..., half, half + 1, ...)."""
    rest = tensor.shape[1:]
    return tensor.reshape(heads, -1, 2, math.prod(rest)).transpose(1, 2).reshape(-1, *rest)


def _alike(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All in the precision that the widest matrix needs: half of a model in another one would be a model of its own."""
    import torch

    needed = {tensor.dtype for tensor in tensors.values() if tensor.dim() > 1}
    dtype = torch.float32 if torch.float32 in needed or len(needed) > 1 else next(iter(needed))
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}
