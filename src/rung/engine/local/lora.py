"""LoRA adapters on the decoder's merged products, and their files in PEFT's format.

A merged product (queries, keys and values; gate and up) carries one pair of factors for each of its parts. They are laid side by
side, A stacked and B block-diagonal, so that a product stays one product.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rung.engine.local.functions import LowRankLinear
from rung.engine.local.update import Untouched
from rung.engine.local.weights import DecoderConfig
from rung.errors import UserError

# Our merged products and the modules, in PEFT's words, that each one holds, in order.
PARTS: Mapping[str, tuple[str, ...]] = {
    "qkv": ("q_proj", "k_proj", "v_proj"),
    "output": ("o_proj",),
    "gate_up": ("gate_proj", "up_proj"),
    "down": ("down_proj",),
}
ALL_LINEAR = tuple(module for modules in PARTS.values() for module in modules)
_BLOCK = {module: "mlp" if module in ("gate_proj", "up_proj", "down_proj") else "self_attn" for module in ALL_LINEAR}


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Rank, alpha (the update is scaled by alpha / rank, or alpha / sqrt(rank) with rslora) and the modules adapted."""

    rank: int = 16
    alpha: float = 32.0
    target_modules: tuple[str, ...] = ALL_LINEAR
    rslora: bool = False

    @property
    def scale(self) -> float:
        return self.alpha / (self.rank**0.5 if self.rslora else self.rank)


@dataclass(frozen=True)
class Factors:
    """A merged product's update in compute precision: down (parts * rank, in), up (out, parts * rank), the scale folded in."""

    down: Tensor
    up: Tensor


class LowRank(Untouched):
    """An adapter in compute precision: for each layer, the Factors of each merged product that is adapted."""

    def __init__(self, layers: Sequence[Mapping[str, Factors]]) -> None:
        self.layers = layers

    def linear(self, layer: int, product: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if product not in self.layers[layer]:
            return super().linear(layer, product, x, weight, bias)
        factors = self.layers[layer][product]
        return LowRankLinear.apply(x, weight, bias, factors.down, factors.up)


class Lora:
    """One adapter: float32 factors by (layer, module), and the Update that the decoder uses."""

    def __init__(self, config: LoraConfig, shape: DecoderConfig, factors: dict[str, Tensor]) -> None:
        self.config, self.shape, self.factors = config, shape, factors

    @classmethod
    def initialise(cls, config: LoraConfig, shape: DecoderConfig, seed: int, device: torch.device) -> Lora:
        """A uniform in +-1/sqrt(in) (PEFT's Kaiming initialisation, a = sqrt(5)), B zero: the first step starts from the base."""
        generator = torch.Generator().manual_seed(seed)
        factors: dict[str, Tensor] = {}
        for name, (width_out, width_in) in _module_shapes(config, shape):
            bound = width_in**-0.5
            down = torch.empty(config.rank, width_in).uniform_(-bound, bound, generator=generator)
            factors[f"{name}.lora_A.weight"] = down.to(device)
            factors[f"{name}.lora_B.weight"] = torch.zeros(width_out, config.rank, device=device)
        return cls(config, shape, factors)

    def update(self, dtype: torch.dtype) -> LowRank:
        """What the decoder takes, in its precision. Differentiable with respect to `factors`."""
        adapted = [product for product, modules in PARTS.items() if any(module in self.config.target_modules for module in modules)]
        return LowRank([{product: self._merge(index, product, dtype) for product in adapted} for index in range(self.shape.layers)])

    def _merge(self, index: int, product: str, dtype: torch.dtype) -> Factors:
        downs, ups = [], []
        for module in PARTS[product]:
            width_out, _ = _shape_of(module, self.shape)
            if module in self.config.target_modules:
                name = _name(index, module)
                downs.append(self.factors[f"{name}.lora_A.weight"])
                ups.append(self.factors[f"{name}.lora_B.weight"] * self.config.scale)
            else:
                ups.append(torch.zeros(width_out, 0, device=next(iter(self.factors.values())).device))
        return Factors(torch.cat(downs).to(dtype), torch.block_diag(*ups).to(dtype))

    def problem(self) -> str | None:
        """Why this adapter must not be used: an update that is not finite, or that changes nothing."""
        bad = [name for name, tensor in self.factors.items() if not torch.isfinite(tensor).all()]
        if bad:
            return f"the adapter's update is not finite ({bad[0]})"
        if all(not tensor.any() for name, tensor in self.factors.items() if ".lora_B." in name):
            return "the adapter's update is null: every B factor is zero"
        return None


def save_lora(lora: Lora, folder: Path, extra: Mapping[str, Any]) -> None:
    """Write `adapter_model.safetensors`, `adapter_config.json` (PEFT's format) and `rung.json` (`extra`: what it was trained on).

    Raises UserError for an update that is null or not finite.
    """
    if problem := lora.problem():
        raise UserError(problem, where=str(folder), mend="It was not saved: lower the learning rate, or train for longer.")
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"base_model.model.{name}": tensor.detach().cpu().contiguous() for name, tensor in sorted(lora.factors.items())}
    save_file(tensors, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": lora.config.rank,
        "lora_alpha": lora.config.alpha,
        "lora_dropout": 0.0,
        "use_rslora": lora.config.rslora,
        "target_modules": sorted(lora.config.target_modules),
        "bias": "none",
        "inference_mode": True,
        "base_model_name_or_path": extra.get("base", ""),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
    (folder / "rung.json").write_text(json.dumps(extra, indent=1, sort_keys=True) + "\n", "utf-8")


def load_lora(folder: Path, shape: DecoderConfig, device: torch.device) -> Lora:
    """Read an adapter in PEFT's format. Raises UserError for a kind, a module or a shape that this decoder cannot apply exactly."""
    where = str(folder / "adapter_config.json")
    raw = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    config = _lora_config(raw, where)
    stored = load_file(str(folder / "adapter_model.safetensors"))
    factors = {name.removeprefix("base_model.model."): tensor.float().to(device) for name, tensor in stored.items()}
    expected = {
        f"{name}.lora_{side}.weight": (config.rank, width_in) if side == "A" else (width_out, config.rank)
        for name, (width_out, width_in) in _module_shapes(config, shape)
        for side in "AB"
    }
    if factors.keys() != expected.keys():
        odd = sorted(factors.keys() ^ expected.keys())[:3]
        raise UserError(f"the adapter does not fit the base: {', '.join(odd)}", where=where, mend="Was it trained on another base?")
    for name, size in expected.items():
        if tuple(factors[name].shape) != size:
            raise UserError(f"{name} has shape {tuple(factors[name].shape)}, the base needs {size}", where=where)
    lora = Lora(config, shape, factors)
    if problem := lora.problem():
        raise UserError(problem, where=str(folder))
    return lora


def _lora_config(raw: Mapping[str, Any], where: str) -> LoraConfig:
    if raw.get("peft_type") != "LORA":
        raise UserError(f"adapters of the kind '{raw.get('peft_type')}' cannot be applied", where=where, mend="Known: LORA.")
    exotic = [
        key for key in ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "layers_to_transform") if raw.get(key)
    ]
    if exotic or raw.get("bias", "none") != "none":
        raise UserError(f"an adapter with {', '.join(exotic) or 'bias'} cannot be applied exactly", where=where)
    targets = raw["target_modules"]
    modules = ALL_LINEAR if targets == "all-linear" else tuple(targets)
    unknown = [module for module in modules if module not in ALL_LINEAR]
    if unknown:
        raise UserError(f"unknown target modules {', '.join(unknown)}", where=where, mend=f"Known: {', '.join(ALL_LINEAR)}.")
    return LoraConfig(rank=raw["r"], alpha=raw["lora_alpha"], target_modules=modules, rslora=bool(raw.get("use_rslora")))


def parameter_count(config: LoraConfig, shape: DecoderConfig) -> int:
    """Trainable parameters: the sum of rank * (in + out) over the adapted modules."""
    return sum(config.rank * (width_in + width_out) for _, (width_out, width_in) in _module_shapes(config, shape))


def _module_shapes(config: LoraConfig, shape: DecoderConfig) -> Iterator[tuple[str, tuple[int, int]]]:
    for index in range(shape.layers):
        for module in ALL_LINEAR:
            if module in config.target_modules:
                yield _name(index, module), _shape_of(module, shape)


def _name(index: int, module: str) -> str:
    return f"model.layers.{index}.{_BLOCK[module]}.{module}"


def _shape_of(module: str, shape: DecoderConfig) -> tuple[int, int]:
    """(out, in) of a module."""
    sizes: dict[str, Sequence[int]] = {
        "q_proj": (shape.query_width, shape.width),
        "k_proj": (shape.key_value_width, shape.width),
        "v_proj": (shape.key_value_width, shape.width),
        "o_proj": (shape.width, shape.query_width),
        "gate_proj": (shape.feed_forward, shape.width),
        "up_proj": (shape.feed_forward, shape.width),
        "down_proj": (shape.width, shape.feed_forward),
    }
    width_out, width_in = sizes[module]
    return width_out, width_in
