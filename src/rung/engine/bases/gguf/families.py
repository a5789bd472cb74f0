"""How llama.cpp keeps the models of each architecture, against how transformers does: a table, not code.

Names: `blk.N.attn_q.weight` there is `model.layers.N.self_attn.q_proj.weight` here. What llama.cpp fixes in its code, and its file
therefore does not say, stands under `fixed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One architecture.

    model_type  of transformers
    block       a module of a block there -> the stored stems that are laid on top of each other in it
    epsilon     the key that holds it, and what it is called in the configuration
    settings    further keys -> what each is called in the configuration; all of them must be there
    optional    as `settings`, for keys that may lack; then the class's own default is right
    fixed       of the configuration
    paired      llama.cpp turns neighbouring numbers of a head, transformers those half a head apart: modules stored in that order
    above       what was added to every norm when it was stored
    turned      modules whose matrix is stored transposed
    partial     a part of the head may turn, as `partial_rotary_factor` says
    key_width   the heads may have a width of their own, as `attention.key_length` says
    windows     of how many blocks all but one look at a window only; 0 where the model has no such blocks
    biases      configuration key -> a stored tensor whose presence it says
    """

    model_type: str
    block: Names
    top: Names = field(default_factory=lambda: _TOP)
    epsilon: tuple[str, str] = ("attention.layer_norm_rms_epsilon", "rms_norm_eps")
    settings: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    paired: tuple[str, ...] = ()
    above: float = 0.0
    turned: tuple[str, ...] = ()
    partial: bool = False
    key_width: bool = True
    windows: int = 0
    biases: Mapping[str, str] = field(default_factory=dict)
    rotary: bool = True


_TOP: Names = {"model.embed_tokens": ("token_embd",), "model.norm": ("output_norm",), "lm_head": ("output",)}
_ATTENTION: Names = {
    f"self_attn.{name}_proj": (f"attn_{stored}",) for name, stored in zip("qkvo", ("q", "k", "v", "output"), strict=True)
}
_HEAD_NORMS: Names = {"self_attn.q_norm": ("attn_q_norm",), "self_attn.k_norm": ("attn_k_norm",)}
_FEED: Names = {f"mlp.{name}_proj": (f"ffn_{name}",) for name in ("gate", "up", "down")}
_FEED_JOINED: Names = {"mlp.gate_up_proj": ("ffn_up",), "mlp.down_proj": ("ffn_down",)}
_NORMS: Names = {"input_layernorm": ("attn_norm",), "post_attention_layernorm": ("ffn_norm",)}
_LLAMA: Names = {**_NORMS, **_ATTENTION, **_FEED}
_AFTER: Names = {"post_attention_layernorm": ("post_attention_norm",), "post_feedforward_layernorm": ("post_ffw_norm",)}
_GEMMA2: Names = {
    **_ATTENTION,
    **_FEED,
    **_AFTER,
    "input_layernorm": ("attn_norm",),
    "pre_feedforward_layernorm": ("ffn_norm",),
}
_EXPERTS: Names = {
    "mlp.gate": ("ffn_gate_inp",),
    "mlp.experts.gate_up_proj": ("ffn_gate_exps", "ffn_up_exps"),
    "mlp.experts.down_proj": ("ffn_down_exps",),
}
_PAIRED = ("self_attn.q_proj", "self_attn.k_proj")
_BIASES = {"attention_bias": "blk.0.attn_q.bias", "mlp_bias": "blk.0.ffn_up.bias"}
_LAYER_NORM = ("attention.layer_norm_epsilon", "layer_norm_eps")
_GELU = {"hidden_activation": "gelu_pytorch_tanh"}
_ROUTED = {"expert_used_count": "num_experts_per_tok"}

FAMILIES: Mapping[str, Family] = {
    "llama": Family(model_type="llama", block=_LLAMA, paired=_PAIRED, biases=_BIASES),
    "llama with experts": Family(
        model_type="mixtral",
        block={**_NORMS, **_ATTENTION, **_EXPERTS},
        paired=_PAIRED,
        settings={"expert_count": "num_local_experts", **_ROUTED},
    ),
    "qwen2": Family(model_type="qwen2", block=_LLAMA, fixed={"use_sliding_window": False}),
    "qwen3": Family(
        model_type="qwen3",
        block={**_LLAMA, **_HEAD_NORMS},
        fixed={"use_sliding_window": False},
        biases={"attention_bias": "blk.0.attn_q.bias"},
    ),
    "qwen3moe": Family(
        model_type="qwen3_moe",
        block={**_NORMS, **_ATTENTION, **_HEAD_NORMS, **_EXPERTS},
        settings={"expert_count": "num_experts", "expert_feed_forward_length": "moe_intermediate_size", **_ROUTED},
        fixed={"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": (), "use_sliding_window": False},
    ),
    "gemma": Family(model_type="gemma", block=_LLAMA, above=1.0, fixed=_GELU),
    "gemma2": Family(
        model_type="gemma2",
        block=_GEMMA2,
        above=1.0,
        windows=2,
        settings={
            "attention.sliding_window": "sliding_window",
            "attn_logit_softcapping": "attn_logit_softcapping",
            "final_logit_softcapping": "final_logit_softcapping",
        },
        fixed=_GELU,
    ),
    "gemma3": Family(
        model_type="gemma3_text",
        block={**_GEMMA2, **_HEAD_NORMS},
        above=1.0,
        windows=6,
        settings={"attention.sliding_window": "sliding_window"},
        optional={"final_logit_softcapping": "final_logit_softcapping"},
        fixed=_GELU,
    ),
    "phi3": Family(
        model_type="phi3",
        block={**_NORMS, **_FEED_JOINED, "self_attn.qkv_proj": ("attn_qkv",), "self_attn.o_proj": ("attn_output",)},
        partial=True,
        key_width=False,
    ),
    "granite": Family(
        model_type="granite",
        block=_LLAMA,
        paired=_PAIRED,
        key_width=False,
        settings={
            "attention.scale": "attention_multiplier",
            "embedding_scale": "embedding_multiplier",
            "residual_scale": "residual_multiplier",
            "logit_scale": "logits_scaling",
        },
        biases=_BIASES,
    ),
    "olmo2": Family(
        model_type="olmo2",
        block={**_ATTENTION, **_FEED, **_AFTER, **_HEAD_NORMS},
        key_width=False,
        biases={"attention_bias": "blk.0.attn_q.bias"},
    ),
    "smollm3": Family(
        model_type="smollm3",
        block=_LLAMA,
        paired=_PAIRED,
        key_width=False,
        fixed={"no_rope_layer_interval": 4, "use_sliding_window": False},
        biases=_BIASES,
    ),
    "starcoder2": Family(
        model_type="starcoder2",
        block={**_NORMS, **_ATTENTION, "mlp.c_fc": ("ffn_up",), "mlp.c_proj": ("ffn_down",)},
        epsilon=("attention.layer_norm_epsilon", "norm_epsilon"),
        key_width=False,
        fixed={"use_bias": True, "hidden_act": "gelu_pytorch_tanh", "sliding_window": None},
    ),
    "command-r": Family(
        model_type="cohere",
        block={**_ATTENTION, **_FEED, **_HEAD_NORMS, "input_layernorm": ("attn_norm",)},
        epsilon=_LAYER_NORM,
        key_width=False,
        settings={"logit_scale": "logit_scale"},
        biases={"attention_bias": "blk.0.attn_q.bias", "use_qk_norm": "blk.0.attn_q_norm.weight"},
    ),
    "glm4": Family(
        model_type="glm4",
        block={
            **_ATTENTION,
            **_FEED_JOINED,
            "input_layernorm": ("attn_norm",),
            "post_self_attn_layernorm": ("post_attention_norm",),
            "post_attention_layernorm": ("ffn_norm",),
            "post_mlp_layernorm": ("post_ffw_norm",),
        },
        partial=True,
        biases={"attention_bias": "blk.0.attn_q.bias"},
    ),
    "ernie4_5": Family(model_type="ernie4_5", block=_LLAMA, biases={"use_bias": "blk.0.attn_q.bias"}),
    "gpt2": Family(
        model_type="gpt2",
        block={
            "ln_1": ("attn_norm",),
            "ln_2": ("ffn_norm",),
            "attn.c_attn": ("attn_qkv",),
            "attn.c_proj": ("attn_output",),
            "mlp.c_fc": ("ffn_up",),
            "mlp.c_proj": ("ffn_down",),
        },
        top={
            "transformer.wte": ("token_embd",),
            "transformer.wpe": ("position_embd",),
            "transformer.ln_f": ("output_norm",),
            "lm_head": ("output",),
        },
        turned=("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
        epsilon=("attention.layer_norm_epsilon", "layer_norm_epsilon"),
        key_width=False,
        rotary=False,
    ),
}

# What answers no question, and what it is instead.
NO_DECODERS: Mapping[str, str] = {
    "clip": "the eye of a vision model (mmproj), which answers nothing alone",
    **dict.fromkeys(
        ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert"),
        "an encoder: it gives vectors, and no answers",
    ),
    **dict.fromkeys(("gemma-embedding", "llama-embed", "t5encoder"), "an encoder: it gives vectors, and no answers"),
    **dict.fromkeys(("t5", "umt5"), "an encoder with a decoder, which the local engine does not run"),
    "wavtokenizer-dec": "a decoder of sounds",
}
KINDS_OF_FILE: Mapping[str, str] = {
    "adapter": "an adapter (LoRA), which answers nothing without its base",
    "mmproj": "the eye of a vision model (mmproj), which answers nothing alone",
    "imatrix": "a table of importances, by which other files are quantised",
    "vocab": "a vocabulary without a model",
}
