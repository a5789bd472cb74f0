"""What is known of a base from its configuration alone, and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from making import KINDS, SHAPE
from transformers import masking_utils

from rung.engine.local.hooked.interface import AskedMask
from rung.engine.local.hooked.look import look_at
from rung.engine.local.hooked.reach import reach_of
from rung.engine.local.hooked.shape import HookedShape, why_not_hooked
from rung.engine.local.scoring import Reach
from rung.engine.local.shape import KeyValueSizes


def configuration(folder: Path, kind: str, **settings: object) -> Path:
    from transformers import AutoConfig

    config = AutoConfig.for_model(kind, **{"vocab_size": 101, "pad_token_id": 0, **settings})
    config.save_pretrained(folder)
    return folder


def test_layers_may_differ_in_what_they_keep_and_see(tmp_path: Path) -> None:
    gemma = look_at(configuration(tmp_path / "gemma", "gemma2", **KINDS["gemma2"]))
    assert gemma.reaches == (Reach(window=9), Reach(), Reach(window=9))
    latent = look_at(configuration(tmp_path / "latent", "deepseek_v3", **KINDS["deepseek_v3"]))
    assert set(latent.attentions) == {KeyValueSizes(heads=4, key_width=12, value_width=6)}
    chunked = look_at(configuration(tmp_path / "chunked", "llama4_text", **KINDS["llama4_text"]))
    assert Reach(chunk=9) in chunked.reaches


@pytest.mark.parametrize("kind", ["gemma2", "gpt2", "deepseek_v3"])
def test_the_shape_is_the_models(made: Callable[[str], Path], kind: str) -> None:
    from transformers import AutoModelForCausalLM

    shape, model = HookedShape.read(made(kind)), AutoModelForCausalLM.from_pretrained(made(kind))
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert (shape.vocabulary, shape.width, shape.layers, shape.max_positions) == (model.config.vocab_size, 32, 3, 512)
    modules = [module for layer in shape.products for (module,) in layer.values()]
    assert len(modules) > 8
    for module in modules:
        weight = model.get_submodule(module.path).weight
        assert sorted((module.width_out, module.width_in)) == sorted(weight.shape)
    assert shape.kept_bytes(4, 100) > shape.kept_bytes(2, 100) > 0 and shape.token_bytes(2) * 2 == shape.token_bytes(4)


def test_what_autograd_keeps_is_foreseen(made: Callable[[str], Path]) -> None:
    """Of a llama, whose fused twin says what it keeps by counting its own code."""
    from rung.engine.local.architecture import DecoderConfig

    hooked, fused = HookedShape.read(made("llama")), DecoderConfig.read(made("llama"))
    assert 1.0 < hooked.kept_bytes(4, 64) / fused.kept_bytes(4, 64) < 3.0
    assert hooked.token_bytes(4) == fused.token_bytes(4) and hooked.parameters == fused.parameters
    assert set(hooked.module_names) == set(fused.module_names)


def test_the_context_ends_where_the_angles_would_change(tmp_path: Path) -> None:
    shape = HookedShape.read(configuration(tmp_path, "phi3", **KINDS["phi3"]))
    assert shape.max_positions == 64
    assert shape.context_note == "its rotary positions of the kind 'longrope' are computed up to 64 tokens, of 512"
    plain = HookedShape.read(configuration(tmp_path, "phi3", **SHAPE))
    assert (plain.max_positions, plain.context_note) == (512, "")


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("mamba", {}, "layers of the kind linear_attention"),
        ("lfm2", {**SHAPE, "layer_types": ["conv", "full_attention", "conv"]}, "layers of the kind conv"),
        ("falcon", {"hidden_size": 32, "num_attention_heads": 4}, "leaves its attention to nobody else"),
        ("bert", {**SHAPE}, "neither causal"),
        ("t5", {}, "no causal decoder"),
        ("deepseek_v4", {}, "compressed"),
        ("llama4_text", {**KINDS["llama4_text"], "attn_temperature_tuning": True}, "numbers its tokens by where they lie"),
        ("deepseek_v32", {**SHAPE}, "index"),
    ],
)
def test_what_cannot_be_hooked_is_named(tmp_path: Path, kind: str, settings: dict[str, object], said: str) -> None:
    reason = why_not_hooked(configuration(tmp_path, kind, **{"num_hidden_layers": 3, **settings}))
    assert reason and said in reason, reason


def test_a_configuration_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no_such_model"}), "utf-8")
    assert "no_such_model" in why_not_hooked(tmp_path)


def test_a_rule_is_asked_not_named() -> None:
    window = masking_utils.sliding_window_causal_mask_function(7)
    assert reach_of(AskedMask(mask_function=window, local_size=7)) == Reach(window=7)
    assert reach_of(AskedMask(mask_function=window, local_size=8)) == Reach(window=7)
    assert reach_of(AskedMask(mask_function=window)) is None
    assert reach_of(AskedMask(mask_function=masking_utils.causal_mask_function, local_size=7)) == Reach()
    blank = torch.zeros(1, dtype=torch.int64, device="meta")
    assert reach_of(AskedMask(mask_function=masking_utils.chunked_causal_mask_function(6, blank), local_size=6)) == Reach(chunk=6)
    assert reach_of(AskedMask(mask_function=masking_utils.bidirectional_mask_function)) is None
    assert reach_of(torch.zeros(3, 3)) is None and reach_of(None) is None
