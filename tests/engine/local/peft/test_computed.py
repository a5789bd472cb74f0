"""What PEFT's configurations of low-rank adapters may ask for, each as PEFT computes it, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft_oracle import agree, loaded, logits, peft_logits, saved

LISTED = ["q_proj", "v_proj", "down_proj"]
# The configuration, on which bases.
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "ranks": {
        "rank_pattern": {"q_proj": 2, r"layers\.1\..*down_proj": 6},
        "alpha_pattern": {"model.layers.0.self_attn.v_proj": 3, "down_proj": 20},
    },
    "ranks of parts of names": {"rank_pattern": {"proj": 2, ".*v_proj": 3}},
    "ranks and rslora": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}, "use_rslora": True},
    "pattern": {"target_modules": r".*\.layers\.[01]\.(self_attn\.k_proj|mlp\.(up|down)_proj)"},
    "all linear": {"target_modules": "all-linear"},
    "all linear but": {"target_modules": "all-linear", "exclude_modules": ["v_proj", "model.layers.0.mlp.up_proj"]},
    "but a pattern": {"target_modules": LISTED, "exclude_modules": r".*layers\.0.*"},
    "whole paths": {"target_modules": ["model.layers.1.self_attn.o_proj", "layers.0.mlp.gate_proj", "no_such"]},
    "layers": {"layers_to_transform": [1]},
    "layers of a list": {"layers_to_transform": 0, "layers_pattern": "layers"},
    "dora": {"use_dora": True},
    "dora on some": {"use_dora": True, "target_modules": ["q_proj", "gate_proj", "o_proj"], "rank_pattern": {"o_proj": 2}},
    "gaussian": {"init_lora_weights": "gaussian"},
    "orthogonal": {"init_lora_weights": "orthogonal"},
    "mica": {"init_lora_weights": "mica"},
    "pissa": {"init_lora_weights": "pissa"},
    "pissa and ranks": {"init_lora_weights": "pissa", "rank_pattern": {"q_proj": 2}, "use_rslora": True},
    "olora": {"init_lora_weights": "olora"},
    "pissa and dora": {"init_lora_weights": "pissa", "use_dora": True},
    "bias all": {"bias": "all"},
    "bias of its own": {"bias": "lora_only"},
    "bias and dora": {"bias": "all", "use_dora": True},
    "bias of B": {"lora_bias": True},
    "head": {"target_modules": [*LISTED, "lm_head"]},
    "head with dora": {"target_modules": [*LISTED, "lm_head"], "use_dora": True},
    "embedding": {"target_modules": [*LISTED, "embed_tokens"]},
    "embedding and rslora": {"target_modules": ["q_proj", "embed_tokens"], "use_rslora": True, "rank_pattern": {"embed_tokens": 2}},
    "embedding tied": {"target_modules": ["q_proj", "embed_tokens", "lm_head"], "ensure_weight_tying": True},
    "saved ends": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "saved embedding": {"modules_to_save": ["embed_tokens"]},
    "saved head": {"modules_to_save": ["lm_head"], "target_modules": "all-linear"},
    "saved and tied": {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
    "saved linear": {"modules_to_save": ["o_proj"], "target_modules": ["q_proj", "o_proj"]},
    "saved with a bias": {"modules_to_save": ["k_proj"]},
    "tokens": {"trainable_token_indices": [7, 20, 33]},
    "tokens by name": {"trainable_token_indices": {"embed_tokens": [7, 20]}},
    "tokens of both": {"trainable_token_indices": {"embed_tokens": [7, 20], "lm_head": [7, 20]}},
}


# Where a head that is the embedding might matter.
ENDS = ("plain", "head", "embedding", "saved", "tokens", "bias", "pissa")
CASES = [(name, on) for name in SETTINGS for on in ("biased", "tied") if on == "biased" or name.startswith(ENDS)]


@pytest.mark.parametrize(("name", "on"), CASES)
def test_as_peft_computes_it(bases: dict[str, Any], tmp_path: Path, name: str, on: str) -> None:
    import peft

    base, model = bases[on]
    given = {"r": 4, "lora_alpha": 12, "target_modules": LISTED, "task_type": "CAUSAL_LM", **SETTINGS[name]}
    expected = saved(base, tmp_path, peft.LoraConfig(**given))
    assert agree(logits(model, loaded(model, tmp_path)), expected)
    assert (expected - logits(model, None)).abs().max() > 1e-3


@pytest.mark.parametrize("pruned", [False, True])
def test_adalora(bases: dict[str, Any], tmp_path: Path, pruned: bool) -> None:
    import peft

    base, model = bases["biased"]
    masks = (
        {f"model.layers.{layer}.self_attn.q_proj.lora_E": [True, False, True, layer > 1] for layer in range(3)} if pruned else None
    )
    config = peft.AdaLoraConfig(
        init_r=4,
        target_r=3,
        lora_alpha=12,
        target_modules=LISTED,
        total_step=10,
        rank_pattern=masks if pruned else None,
        task_type="CAUSAL_LM",
    )
    saved(base, tmp_path, config)
    assert agree(logits(model, loaded(model, tmp_path)), peft_logits(base, tmp_path))


@pytest.mark.parametrize("start", ["pissa", "olora", "mica"])
def test_as_peft_reads_it_again(bases: dict[str, Any], tmp_path: Path, start: str) -> None:
    """What was taken out of the base before training is found again from the base."""
    import peft

    base, model = bases["tied"]
    saved(base, tmp_path, peft.LoraConfig(r=4, target_modules=LISTED, task_type="CAUSAL_LM", init_lora_weights=start))
    assert agree(logits(model, loaded(model, tmp_path)), peft_logits(base, tmp_path))
