"""Low-rank factors beside the linear layers of a frozen base; float32 factors (Hu et al., arXiv 2106.09685).

A merged product (queries, keys and values; gate and up) carries one pair of factors for each of its modules. They are laid side by
side, A stacked and B block-diagonal, so that a product stays one product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from rung.engine.local.adapter_kinds._from_peft import BUDGETED, LOW_RANK_PARTS, read_low_rank
from rung.engine.local.low_rank import Factors, LowRank
from rung.engine.local.peft.files import PeftFiles
from rung.engine.local.peft.reading import BasePaths, Read
from rung.engine.local.shape import Module, Shape
from rung.errors import UserError

PEFT_TYPE = "LORA"
ALSO_READS = (BUDGETED,)
PARTS = LOW_RANK_PARTS
LEARNING_RATE = 5e-4


class Config(BaseModel):
    """Rank, alpha (the update is scaled by alpha / rank, or alpha / sqrt(rank) with rslora) and the modules adapted.

    `target_modules` None adapts every linear layer of a block, `layers_to_transform` None those of all blocks, counted from 0: what
    lies below the lowest is computed once for all epochs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0, allow_inf_nan=False)
    rslora: bool = False
    target_modules: tuple[str, ...] | None = Field(None, min_length=1)
    layers_to_transform: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(None, min_length=1)

    @property
    def scale(self) -> float:
        return self.alpha / (self.rank**0.5 if self.rslora else self.rank)


def tensors(config: Config, shape: Shape) -> dict[str, tuple[int, ...]]:
    """A (rank, in) and B (out, rank) of each adapted module."""
    sizes: dict[str, tuple[int, ...]] = {}
    for module in _adapted(config, shape):
        sizes[_name(module, "A")] = (config.rank, module.width_in)
        sizes[_name(module, "B")] = (module.width_out, config.rank)
    return sizes


def initialise(config: Config, shape: Shape, generator: torch.Generator) -> dict[str, Tensor]:
    """A uniform in +-1/sqrt(in) (PEFT's Kaiming initialisation, a = sqrt(5)), B zero: the first step starts from the base."""
    made: dict[str, Tensor] = {}
    for module in _adapted(config, shape):
        bound = module.width_in**-0.5
        made[_name(module, "A")] = torch.empty(config.rank, module.width_in).uniform_(-bound, bound, generator=generator)
        made[_name(module, "B")] = torch.zeros(module.width_out, config.rank)
    return made


def update(config: Config, shape: Shape, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> LowRank:
    """Differentiable with respect to `tensors`."""
    wanted = {module.path for module in _adapted(config, shape)}
    return LowRank(
        [
            {
                product: _merged(config, modules, tensors, dtype)
                for product, modules in block.items()
                if any(module.path in wanted for module in modules)
            }
            for block in shape.products
        ]
    )


def _merged(config: Config, modules: Sequence[Module], tensors: Mapping[str, Tensor], dtype: torch.dtype) -> Factors:
    downs, ups = [], []
    device = next(iter(tensors.values())).device
    for module in modules:
        if _name(module, "A") in tensors:
            downs.append(tensors[_name(module, "A")])
            ups.append(tensors[_name(module, "B")] * config.scale)
        else:
            ups.append(torch.zeros(module.width_out, 0, device=device))
    return Factors.diagonal(downs, ups, dtype)


def idle(tensors: Mapping[str, Tensor]) -> str:
    """Why these tensors would change no answer; empty where they would."""
    return "every B factor is zero" if all(not tensor.any() for name, tensor in tensors.items() if ".lora_B." in name) else ""


def kept(config: Config, shape: Shape) -> int:
    """What goes into an adapted product, and x A^T of each module."""
    adapted = _adapted(config, shape)
    paths = {module.path for module in adapted}
    every = (modules for layer in shape.products for modules in layer.values())
    return sum(modules[0].width_in for modules in every if any(m.path in paths for m in modules)) + config.rank * len(adapted)


def to_peft(config: Config, shape: Shape) -> dict[str, Any]:
    """The keys of peft.LoraConfig."""
    return {
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "use_rslora": config.rslora,
        "target_modules": sorted(_targets(config, shape)),
        "bias": "none",
    } | ({"layers_to_transform": sorted(config.layers_to_transform)} if config.layers_to_transform else {})


def read(files: PeftFiles, base: BasePaths) -> Read:
    """All that PEFT's LoraConfig may ask for, or a UserError that names what is not computed."""
    return read_low_rank(files, base)


def halve(folder: Path, target: Path) -> Path | None:
    """Write to `target` an adapter of half the rank: the truncated singular value decomposition of each B A (Eckart & Young, 1936).

    The scale alpha / rank is kept by halving alpha too. None at rank 1.
    """
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    rank = config["r"] // 2
    if rank < 1 or config.get("use_rslora"):
        return None
    stored = load_file(str(folder / "adapter_model.safetensors"))
    halved = {}
    for name in sorted(stored):
        if ".lora_A." in name:
            other = name.replace(".lora_A.", ".lora_B.")
            halved[name], halved[other] = _truncate(stored[name], stored[other], rank)
    config |= {"r": rank, "lora_alpha": config["lora_alpha"] * rank / config["r"]}
    facts = json.loads((folder / "rung.json").read_text("utf-8")) | {"halved_from_rank": rank * 2}
    target.mkdir(parents=True)
    save_file(halved, str(target / "adapter_model.safetensors"), metadata={"format": "pt"})
    (target / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
    (target / "rung.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")
    return target


def _truncate(down: Tensor, up: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """down (r, in), up (out, r) -> (rank, in), (out, rank). Two small factorisations stand in for that of the (out, in) product."""
    q_up, r_up = torch.linalg.qr(up.float())
    q_down, r_down = torch.linalg.qr(down.float().T)
    left, values, right = torch.linalg.svd(r_up @ r_down.T)
    root = values[:rank].sqrt()
    return (root[:, None] * (right[:rank] @ q_down.T)).contiguous(), ((q_up @ left[:, :rank]) * root).contiguous()


def _targets(config: Config, shape: Shape) -> tuple[str, ...]:
    return config.target_modules or shape.module_names


def _adapted(config: Config, shape: Shape) -> tuple[Module, ...]:
    if config.layers_to_transform is None:
        return shape.modules(_targets(config, shape))
    if beyond := [layer for layer in config.layers_to_transform if layer >= shape.layers]:
        raise UserError(
            f"layers_to_transform names layer {beyond[0]}", hint=f"The base has {shape.layers} layers, 0 to {shape.layers - 1}."
        )
    names = {module.path for module in shape.modules(_targets(config, shape))}
    blocks = (shape.products[layer] for layer in sorted(set(config.layers_to_transform)))
    adapted = tuple(module for block in blocks for modules in block.values() for module in modules if module.path in names)
    if not adapted:
        where = ", ".join(map(str, sorted(config.layers_to_transform)))
        raise UserError(f"no module of {', '.join(_targets(config, shape))} lies in the layers_to_transform {where}")
    return adapted


def _name(module: Module, side: str) -> str:
    return f"{module.path}.lora_{side}.weight"
