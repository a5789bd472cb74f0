"""Tiny models of the architectures that GGUF files are read and written of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.1,
    "head_dim": 16,
}
# Of each architecture, what its configuration says beside the common; a case more where a key of its own must be carried.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, own head": ("llama", {"tie_word_embeddings": False}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, narrow heads": ("llama", {"head_dim": 8}),
    "llama, linear": ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5000.0}}),
    "qwen2": ("qwen2", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "qwen2, yarn": (
        "qwen2",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "rope_theta": 1e6,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "qwen3, wide heads": ("qwen3", {"head_dim": 32}),
    "qwen3moe": ("qwen3_moe", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "norm_topk_prob": True}),
    "mixtral": ("mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "gemma": ("gemma", {}),
    "gemma2": ("gemma2", {"sliding_window": 8, "query_pre_attn_scalar": 16}),
    "gemma3": ("gemma3_text", {"num_hidden_layers": 7, "sliding_window": 8, "query_pre_attn_scalar": 16}),
    "phi3": ("phi3", {"sliding_window": 16, "original_max_position_embeddings": 256}),
    "granite": (
        "granite",
        {"attention_multiplier": 0.2, "embedding_multiplier": 12.0, "residual_multiplier": 0.3, "logits_scaling": 8.0},
    ),
    "olmo2": ("olmo2", {}),
    "smollm3": ("smollm3", {"num_hidden_layers": 5}),
    "starcoder2": ("starcoder2", {"hidden_act": "gelu_pytorch_tanh", "sliding_window": None}),
    "command-r": ("cohere", {"logit_scale": 0.25}),
    "glm4": ("glm4", {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}),
    "ernie4_5": ("ernie4_5", {}),
}


def model_folder(target: Path, words: Path, kind: str, settings: dict[str, Any]) -> Path:
    """A model of random weights, norms and biases too, with the tokenizer of `words`."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(words)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **special, **(SMALL | settings))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(config).float()
        for tensor in model.parameters():
            if tensor.dim() == 1:
                tensor.data += torch.randn_like(tensor) * 0.1
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


@torch.inference_mode()
def logits_of(folder: Path, length: int = 48) -> torch.Tensor:
    """Of a fixed text, longer than the windows of these models."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, experts_implementation="eager").eval()
    ids = torch.randint(0, model.config.vocab_size, (1, length), generator=torch.Generator().manual_seed(0))
    return model(ids).logits[0]
