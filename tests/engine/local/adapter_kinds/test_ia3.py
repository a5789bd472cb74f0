"""IA3 adapters and PEFT's, both ways; nothing outside of their one file knows of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from oracle import TEXTS, ask, load, reference_model

from rung.engine.backend import AdapterUse
from rung.engine.local.adapter import Adapter, halve, kind_of, load_adapter, parameter_count
from rung.engine.local.adapters import AdapterCache
from rung.engine.local.answering import Answering
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.update import Update
from rung.errors import UserError

SOURCE = Path(__file__).parents[4] / "src" / "rung"
IA3 = kind_of("ia3")


def saved(folder: Path, model, seed: int = 4) -> Path:
    adapter = Adapter.initialise(IA3, IA3.Config(), model.config, 0, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    for tensor in adapter.tensors.values():
        tensor.add_(torch.randn(tensor.shape, generator=generator), alpha=0.4)
    adapter.save(folder, {"base": "tiny"})
    return folder


@torch.inference_mode()
def logits(model, update: Update) -> torch.Tensor:
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=60)
    return model.decoder.logits(model.decoder.hidden(torch.arange(60), torch.arange(60), attention, update))


@torch.inference_mode()
def reference_logits(base: Path, adapter: Path | None = None) -> torch.Tensor:
    return reference_model(base, adapter)(torch.arange(60)[None]).logits[0]


def loaded(model, folder: Path) -> Update:
    return load_adapter(folder, model.config, torch.device("cpu")).update(torch.float32)


def biased(folder: Path) -> Path:
    """A model whose keys and values have biases, which IA3 scales too."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    raw = json.loads((folder / "config.json").read_text("utf-8"))
    raw = {key: value for key, value in raw.items() if key not in ("model_type", "architectures", "head_dim")}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **raw)).float()
    for name, parameter in model.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(parameter, 0.0, 0.3)
    target = folder.parent / "biased"
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(folder).save_pretrained(target)
    return target


def test_ours_loads_in_peft(tiny, tiny_base: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path, tiny)
    ours = logits(tiny, loaded(tiny, folder))
    assert torch.allclose(ours, reference_logits(tiny_base, folder), atol=1e-4)
    assert (ours - reference_logits(tiny_base)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("targets", "feedforward"),
    [
        (["k_proj", "v_proj", "down_proj"], ["down_proj"]),
        (["q_proj", "up_proj", "o_proj"], ["o_proj"]),
        (["down_proj"], []),
        (["k_proj", "v_proj", "gate_proj"], ["v_proj", "gate_proj"]),
        (r".*layers\.1\..*_proj", r".*(up|down)_proj"),
    ],
)
@pytest.mark.parametrize("biases", [False, True])
def test_pefts_loads_here(tiny, tiny_base: Path, tmp_path: Path, targets: Any, feedforward: Any, biases: bool) -> None:
    import peft

    base = biased(tiny_base) if biases else tiny_base
    torch.manual_seed(3)
    config = peft.IA3Config(target_modules=targets, feedforward_modules=feedforward, init_ia3_weights=False, task_type="CAUSAL_LM")
    peft.get_peft_model(reference_model(base), config).save_pretrained(tmp_path)
    model = load(base) if biases else tiny
    expected = reference_logits(base, tmp_path)
    assert torch.allclose(logits(model, loaded(model, tmp_path)), expected, atol=1e-4 * max(1.0, float(expected.abs().max())))


def test_with_an_adapter_of_another_kind_both_add_what_they_add_alone(tiny, adapter: Path, tmp_path: Path) -> None:
    uses = [AdapterUse(folder=folder, digest=folder.name) for folder in (saved(tmp_path / "ia3", tiny), adapter)]
    x = torch.randn(5, tiny.config.width, generator=torch.Generator().manual_seed(1))
    layer = tiny.decoder.weights.layers[0]
    both, *alone = (AdapterCache(tiny.decoder).stack(some).update for some in (uses, uses[:1], uses[1:]))
    base, of_both, *of_each = (
        torch.nn.functional.linear(x, layer.qkv),
        *(update.linear(0, "qkv", x, layer.qkv, None) for update in (both, *alone)),
    )
    assert torch.allclose(of_both - base, sum(y - base for y in of_each), atol=1e-5)
    assert all((y - base).abs().max() > 0.1 for y in of_each)


def test_it_answers_beside_others_what_it_answers_alone(tiny, adapter: Path, tmp_path: Path) -> None:
    ia3, lora = (AdapterUse(folder=folder, digest=folder.name) for folder in (saved(tmp_path / "ia3", tiny), adapter))
    stacks = ((), (ia3,), (lora,), (ia3, lora), (replace(ia3, weight=0.5),))
    requests = [ask(text, max_tokens=12, adapters=uses) for text in TEXTS[:3] for uses in stacks]
    alone = [Answering(tiny).answer([request])[0].text for request in requests]
    assert [answer.text for answer in Answering(tiny).answer(requests)] == alone
    assert len(set(alone[:5])) == 5


def test_what_cannot_be_applied_exactly_is_refused(tiny, tmp_path: Path) -> None:
    folder = saved(tmp_path, tiny)
    path = folder / "adapter_config.json"
    raw = json.loads(path.read_text("utf-8"))
    for key, value, said in (
        ("target_modules", ".*proj", "no tensor of"),
        ("modules_to_save", ["lm_head"], "modules_to_save names lm_head"),
        ("target_modules", ["k_proj", "down_proj"], "does not fit"),
        ("feedforward_modules", ["down_proj", "v_proj"], "has shape"),
        ("exclude_modules", ["v_proj"], "does not fit"),
        ("init_scale", 2, "unknown key 'init_scale': 2"),
    ):
        path.write_text(json.dumps(raw | {key: value}), "utf-8")
        with pytest.raises(UserError, match=said):
            load_adapter(folder, tiny.config, torch.device("cpu"))
    with pytest.raises(UserError, match="the input of up_proj is that of other modules too"):
        IA3.tensors(IA3.Config(target_modules=["up_proj"], feedforward_modules=["up_proj"]), tiny.config)


def test_one_that_changes_nothing_is_not_saved(tiny, tmp_path: Path) -> None:
    fresh = Adapter.initialise(IA3, IA3.Config(), tiny.config, 0, torch.device("cpu"))
    with pytest.raises(UserError, match="null: every scale is one"):
        fresh.save(tmp_path, {})
    assert sum(tensor.numel() for tensor in fresh.tensors.values()) == parameter_count(IA3, fresh.config, tiny.config)
    assert halve(saved(tmp_path / "moved", tiny), tmp_path / "half") is None


def test_it_stands_in_one_file() -> None:
    naming = [file.name for file in sorted(SOURCE.rglob("*.py")) if re.search(r"\bia3", file.read_text("utf-8"), re.IGNORECASE)]
    assert naming == ["ia3.py"]
