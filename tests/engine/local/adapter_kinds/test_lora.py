from __future__ import annotations

from pathlib import Path

import pytest
import torch
from oracle import random_adapter, reference_model

from rung.engine.local.adapter import Adapter, load_adapter, parameter_count
from rung.engine.local.adapter_kinds import lora
from rung.engine.local.attention import PrefixedRows
from rung.errors import UserError


def logits(model, adapter: Path) -> torch.Tensor:
    update = load_adapter(adapter, model.config, torch.device("cpu")).update(torch.float32)
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=60)
    with torch.inference_mode():
        return model.decoder.logits(model.decoder.hidden(torch.arange(60), torch.arange(60), attention, update))


@torch.inference_mode()
def reference_logits(folder: Path, adapter: Path) -> torch.Tensor:
    return reference_model(folder, adapter)(torch.arange(60)[None]).logits[0]


def test_ours_loads_in_peft(tiny, tiny_base: Path, adapter: Path) -> None:
    ours, plain = logits(tiny, adapter), reference_model(tiny_base)(torch.arange(60)[None]).logits[0]
    assert torch.allclose(ours, reference_logits(tiny_base, adapter), atol=1e-4)
    assert (ours - plain).abs().max() > 0.1


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"], ["gate_proj", "o_proj", "k_proj"]])
def test_pefts_loads_here(tiny, tiny_base: Path, tmp_path: Path, targets: object, rslora: bool) -> None:
    import peft

    torch.manual_seed(3)
    config = peft.LoraConfig(
        r=4, lora_alpha=12, target_modules=targets, use_rslora=rslora, init_lora_weights=False, task_type="CAUSAL_LM"
    )
    peft.get_peft_model(reference_model(tiny_base), config).save_pretrained(tmp_path)
    assert torch.allclose(logits(tiny, tmp_path), reference_logits(tiny_base, tmp_path), atol=1e-4)


def test_null_and_infinite_updates_are_refused(tiny, tmp_path: Path) -> None:
    fresh = Adapter.initialise(lora, lora.Config(rank=2), tiny.config, 0, torch.device("cpu"))
    with pytest.raises(UserError, match="null"):
        fresh.save(tmp_path, {})
    next(iter(fresh.tensors.values()))[0, 0] = float("nan")
    with pytest.raises(UserError, match="not finite"):
        fresh.save(tmp_path, {})
    assert sum(tensor.numel() for tensor in fresh.tensors.values()) == parameter_count(lora, fresh.config, tiny.config)


def test_same_adapter_same_bytes(tiny, tmp_path: Path) -> None:
    one, two = random_adapter(tmp_path / "a", tiny), random_adapter(tmp_path / "b", tiny)
    assert (one / "adapter_model.safetensors").read_bytes() == (two / "adapter_model.safetensors").read_bytes()
