"""A folder of one family: configuration, tokenizer, chat template, and random weights that leave nothing of it unused."""

from __future__ import annotations

from pathlib import Path

import torch
from table import Family
from tiny import tiny_tokenizer

SPREAD = 0.25
# What a state-space or linear layer's own start decides: noise would make it forget all, or grow without bound.
LEFT_ALONE = ("A_log", "dt_bias", "dt_proj.bias", ".D", "inv_freq", "alpha_p", "alpha_n")


def make(family: Family, folder: Path) -> Path:
    """Equal families give equal bytes."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, GenerationConfig

    tokenizer = tiny_tokenizer()
    start, end, pad = (tokenizer.convert_tokens_to_ids(name) for name in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
    ids = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": pad, "vocab_size": len(tokenizer)}
    if "hidden_size_per_layer_input" in family.settings:
        ids["vocab_size_per_layer_input"] = len(tokenizer)
    if family.text is None:
        config, kind = AutoConfig.for_model(family.kind, **{**ids, **family.own}), AutoModelForCausalLM
    else:
        own = family.own
        own["text_config"] |= ids
        config, kind = AutoConfig.for_model(family.kind, **own), AutoModelForImageTextToText
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = kind.from_config(config).float()
        _stir(model)
    model.generation_config = GenerationConfig.from_model_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@torch.no_grad()
def _stir(model: torch.nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if not name.endswith(LEFT_ALONE):
            parameter.add_(torch.randn(parameter.shape) * SPREAD)
