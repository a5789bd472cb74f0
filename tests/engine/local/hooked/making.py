"""Tiny random models of transformers' own classes, each with a tokenizer, and windows that are shorter than its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tiny import tiny_tokenizer

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
}
ALTERNATING = {"sliding_window": 9, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
CHUNKED = {"attention_chunk_size": 9, "no_rope_layers": [1, 0, 1]}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 6, "head_dim": 4}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16}
LONGROPE = {"rope_type": "longrope", "rope_theta": 500.0, "short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
LONGROPE |= {"original_max_position_embeddings": 64}
KINDS: dict[str, dict[str, Any]] = {
    "gemma2": {**SHAPE, **ALTERNATING, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 5},
    "gpt_oss": {**SHAPE, **ALTERNATING, "num_local_experts": 4, "num_experts_per_tok": 2},
    "deepseek_v3": {**SHAPE, **LATENT, **EXPERTS, "num_key_value_heads": 4, "first_k_dense_replace": 1},
    "llama4_text": {**SHAPE, **CHUNKED, "intermediate_size_mlp": 48, "num_local_experts": 2, "attn_temperature_tuning": False},
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 512},
    "phi": {**SHAPE, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}},
    "cohere": {**SHAPE, "logit_scale": 0.3, "tie_word_embeddings": True},
    "granite": {**SHAPE, "logits_scaling": 3.3, "embedding_multiplier": 2.0, "residual_multiplier": 0.6},
    "phi3": {**SHAPE, "rope_parameters": LONGROPE, "original_max_position_embeddings": 64},
    "mistral": {**SHAPE, "sliding_window": 9},
    "llama": SHAPE,
}


def make(kind: str, folder: Path, **others: Any) -> Path:
    """A folder of one."""
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = tiny_tokenizer()
    start, end, pad = (tokenizer.convert_tokens_to_ids(name) for name in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
    ids = {"vocab_size": len(tokenizer), "bos_token_id": start, "eos_token_id": end, "pad_token_id": pad}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**ids, **KINDS.get(kind, SHAPE), **others})).float()
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
