"""An adapter of half the rank: the best approximation of the same update, without training."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def halve_rank(folder: Path, target: Path) -> Path | None:
    """Write to `target` the truncated singular value decomposition of each B A (Eckart & Young, 1936). None at rank 1.

    The scale alpha / rank is kept by halving alpha too.
    """
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    rank = config["r"] // 2
    if rank < 1 or config.get("use_rslora"):
        return None
    tensors = load_file(str(folder / "adapter_model.safetensors"))
    halved = {}
    for name in sorted(tensors):
        if ".lora_A." in name:
            other = name.replace(".lora_A.", ".lora_B.")
            halved[name], halved[other] = _truncate(tensors[name], tensors[other], rank)
    config |= {"r": rank, "lora_alpha": config["lora_alpha"] * rank / config["r"]}
    facts = json.loads((folder / "rung.json").read_text("utf-8")) | {"halved_from_rank": rank * 2}
    target.mkdir(parents=True)
    save_file(halved, str(target / "adapter_model.safetensors"), metadata={"format": "pt"})
    (target / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
    (target / "rung.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")
    return target


def _truncate(down: torch.Tensor, up: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """down (r, in), up (out, r) -> (rank, in), (out, rank). Two small factorisations stand in for that of the (out, in) product."""
    q_up, r_up = torch.linalg.qr(up.float())
    q_down, r_down = torch.linalg.qr(down.float().T)
    left, values, right = torch.linalg.svd(r_up @ r_down.T)
    root = values[:rank].sqrt()
    return (root[:, None] * (right[:rank] @ q_down.T)).contiguous(), ((q_up @ left[:, :rank]) * root).contiguous()
