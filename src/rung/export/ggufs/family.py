"""Which architecture of llama.cpp's a base is, by the table that GGUF files are read by, and where its tensors go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.engine.bases.gguf.families import FAMILIES, Family
from rung.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

# transformers has several names for what llama.cpp computes alike.
_ALSO = {"mistral": "llama"}
_IN_BLOCK = re.compile(r"^(?:model\.layers|transformer\.h)\.(\d+)\.(.+?)(\.weight|\.bias)?$")
_HEADS = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}
# Of a configuration, what modelling code looks for though its class does not have it.
_ASKED_FOR_ALL_THE_SAME = ("head_dim", "partial_rotary_factor", "attention_bias", "mlp_bias", "model_type")
# A model that sees keeps its reading part so.
_READING = "model.language_model."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """architecture  llama.cpp's name for it
    family        how its tensors and keys are kept
    config        of the part that reads and writes, with its class's defaults
    """

    architecture: str
    family: Family
    config: Mapping[str, Any]

    def stems(self, name: str) -> tuple[str, ...]:
        """What a tensor of transformers' is called, without its last part; several where it lies in parts. Raises UserError."""
        block, module, _ = _parted(name)
        found = self.family.block.get(module, ()) if block else self.family.top.get(module, ())
        if not found:
            raise UserError(f"llama.cpp has no place for {name} in a model of the kind '{self.architecture}'", hint=ANOTHER)
        return tuple(f"blk.{block}.{stem}" if block else stem for stem in found)

    def stored(self, name: str, tensor: Tensor) -> dict[str, Tensor]:
        """One tensor of transformers', by llama.cpp's names and in its order of rows."""
        _, module, ending = _parted(name)
        if module in self.family.turned and tensor.dim() == 2:
            tensor = tensor.T
        if self.family.above and module.endswith("norm"):
            tensor = tensor + self.family.above
        tensor = self.ordered(module, tensor)
        stems = self.stems(name)
        parts = tensor.chunk(len(stems), dim=-2) if len(stems) > 1 else (tensor,)
        return {f"{stem}{ending or '.weight'}": part.contiguous() for stem, part in zip(stems, parts, strict=True)}

    def ordered(self, module: str, tensor: Tensor) -> Tensor:
        """Rows of heads as llama.cpp turns them: neighbours, where transformers turns those half a head apart."""
        if module not in self.family.paired:
            return tensor
        heads, rest = self.config[_HEADS[module]], tensor.shape[1:]
        return tensor.reshape(heads, 2, -1, *rest).transpose(1, 2).reshape(-1, *rest)

    def low_rank(self, path: str, down: Tensor, up: Tensor) -> dict[str, Tensor]:
        """An update of low rank to the module at `path`. Raises UserError where the module is no one matrix there."""
        name = f"{path}.weight"
        stems = self.stems(name)
        if len(stems) > 1:
            hint = "Export the whole model instead, with the adapter in its weights."
            raise UserError(f"llama.cpp keeps {path} in parts, which no adapter of its format can change together", hint=hint)
        return {
            f"{stems[0]}.weight.lora_a": down.contiguous(),
            f"{stems[0]}.weight.lora_b": self.ordered(_parted(name)[1], up).contiguous(),
        }


ANOTHER = "Export it for transformers instead."


def kept_as(config: Any) -> Kept:
    """Of a transformers configuration. Raises UserError for an architecture that is not in the table."""
    told = told_by(config)
    wanted = _ALSO.get(told["model_type"], told["model_type"])
    for name, family in FAMILIES.items():
        if family.model_type == wanted:
            return Kept(architecture=name.partition(" ")[0], family=family, config=told)
    known = ", ".join(sorted({family.model_type for family in FAMILIES.values()}))
    raise UserError(f"bases of the architecture '{told['model_type']}' are not written as GGUF; those of {known} are", hint=ANOTHER)


def told_by(config: Any) -> dict[str, Any]:
    """What it says of the part that reads and writes and its class knows, by every name that the class has for it.

    Who saves a model may put words of their own beside, which nothing asks for.
    """
    text = config.get_text_config()
    said: dict[str, Any] = text.to_dict()
    known = {*type(text)().to_dict(), *_ASKED_FOR_ALL_THE_SAME}
    told = {name: value for name, value in said.items() if name in known}
    return told | {alias: told[name] for alias, name in text.attribute_map.items() if name in told}


def _parted(name: str) -> tuple[str, str, str]:
    """(block or "", module, ".weight", ".bias" or "")."""
    own = name.replace(_READING, "model.", 1) if name.startswith(_READING) else name
    if found := _IN_BLOCK.match(own):
        return found[1], found[2], found[3] or ""
    module, _, last = own.rpartition(".")
    return "", module, f".{last}"
