"""The same on bases of other families, whose modules, embeddings and heads are made and called otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oracle import load
from peft_oracle import agree, loaded, logits, saved

_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
# By model type: its configuration, and the adapters that are tried on it.
FAMILIES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "gpt2": (
        {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 256},
        [
            {"target_modules": ["c_attn", "mlp.c_proj"], "use_dora": True, "modules_to_save": ["wte"]},
            {"target_modules": "all-linear", "init_lora_weights": "pissa"},
            {"target_modules": ["c_attn", "wte"]},
        ],
    ),
    "gemma": (
        _SIZES | {"num_key_value_heads": 2, "head_dim": 8},
        [
            {"target_modules": ["q_proj", "embed_tokens"], "rank_pattern": {"embed_tokens": 3}},
            {"target_modules": r".*layers\.1\..*_proj", "trainable_token_indices": [7, 20]},
            {"target_modules": ["v_proj", "down_proj"], "modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
        ],
    ),
    "gpt_neox": (
        _SIZES,
        [{"target_modules": ["query_key_value", "embed_out"], "bias": "lora_only", "modules_to_save": ["embed_in"]}],
    ),
}
CASES = [(family, at) for family, (_, adapters) in FAMILIES.items() for at in range(len(adapters))]


@pytest.fixture(scope="module")
def families(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer, made = AutoTokenizer.from_pretrained(tiny_base), {}
    for family, (settings, _) in FAMILIES.items():
        folder = tmp_path_factory.mktemp("families") / family
        numbers = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
        torch.manual_seed(0)
        config = AutoConfig.for_model(family, vocab_size=len(tokenizer), **settings, **numbers, initializer_range=0.2)
        AutoModelForCausalLM.from_config(config).float().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        made[family] = (folder, load(folder))
    return made


@pytest.mark.parametrize(("family", "at"), CASES)
def test_as_peft_computes_it(families: dict[str, tuple[Path, Any]], tmp_path: Path, family: str, at: int) -> None:
    import peft

    base, model = families[family]
    given = {"r": 4, "lora_alpha": 6, "task_type": "CAUSAL_LM", **FAMILIES[family][1][at]}
    expected = saved(base, tmp_path, peft.LoraConfig(**given))
    assert agree(logits(model, loaded(model, tmp_path)), expected)
    assert (expected - logits(model, None)).abs().max() > 1e-3


def test_what_begins_from_weights_that_lie_the_other_way_is_kept_as_a_plain_one(
    families: dict[str, tuple[Path, Any]], tmp_path: Path
) -> None:
    import peft

    from rung.admission.adapter import import_adapter
    from rung.registry.home import open_home

    base, model = families["gpt2"]
    config = peft.LoraConfig(r=2, target_modules=["c_attn", "c_proj"], init_lora_weights="pissa", task_type="CAUSAL_LM")
    expected = saved(base, tmp_path / "adapter", config)
    with open_home(tmp_path / "home", write=True) as home:
        kept = home.blobs.local(import_adapter(tmp_path / "adapter", str(base), home).digest)
    assert '"init_lora_weights": true' in (kept / "adapter_config.json").read_text("utf-8")
    assert (logits(model, loaded(model, kept)) - expected).abs().max() < 1e-4
