"""The families that the local engine is tried on: a tiny random model of each one's own configuration.

What the real models of a family have is switched on, so small that a row meets it: windows shorter than the rows, soft caps, sinks,
experts, latent attention, partial rotary positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WINDOW = 16
LAYERS = 3
COMMON: Mapping[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
}
# For configurations with names of their own.
NONE: Mapping[str, Any] = dict.fromkeys(COMMON)
ALTERNATING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0}
YARN |= {"original_max_position_embeddings": 64}
LATENT = {"q_lora_rank": 12, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 12}


@dataclass(frozen=True, kw_only=True)
class Family:
    """One row of docs/models.md before it is measured.

    kind      its `model_type`
    settings  of its configuration, over COMMON; None leaves a common one out
    has       what of the family is switched on, in the page's words
    path      that must answer for it: fused, hooked or plain
    text      settings of the text part, where the model also sees
    seen      settings of its vision part
    """

    kind: str
    path: str
    has: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, Any] | None = None
    seen: Mapping[str, Any] | None = None

    @property
    def partly(self) -> bool:
        """Whether not all that PEFT calls linear is adapted: experts lie in one tensor, and quick kernels pass modules by."""
        return "experts" in self.has or "state space" in self.has

    @property
    def own(self) -> dict[str, Any]:
        """The configuration's settings."""
        if self.text is not None:
            return {**self.settings, "text_config": dict(self.text), "vision_config": dict(self.seen or {})}
        return {name: value for name, value in {**COMMON, **self.settings}.items() if value is not None}


def fused(kind: str, has: str = "", **settings: Any) -> Family:
    return Family(kind=kind, path="fused", has=has, settings=settings)


def hooked(kind: str, has: str = "", **settings: Any) -> Family:
    return Family(kind=kind, path="hooked", has=has, settings=settings)


def plain(kind: str, has: str = "", **settings: Any) -> Family:
    return Family(kind=kind, path="plain", has=has, settings=settings)


def seeing(kind: str, has: str, text: Mapping[str, Any], seen: Mapping[str, Any], **settings: Any) -> Family:
    """A model that sees images too, whose text part answers."""
    return Family(
        kind=kind,
        path="hooked",
        has=f"sees images; {has}" if has else "sees images",
        settings=settings,
        text={**COMMON, **text},
        seen=seen,
    )


FUSED = (
    fused("llama", "llama3 angles", rope_parameters=LLAMA3),
    fused("mistral", "", sliding_window=None),
    fused("qwen2", "biases"),
    fused("qwen3", "norms of queries and keys", head_dim=16),
)
GEMMAS = (
    hooked("gemma", "", head_dim=16, tie_word_embeddings=True),
    hooked("gemma2", "windows, soft caps", head_dim=16, query_pre_attn_scalar=16, final_logit_softcapping=3.0,
           attn_logit_softcapping=5.0, **ALTERNATING),
    hooked("gemma3_text", "windows, two kinds of angles", head_dim=16, query_pre_attn_scalar=16, **ALTERNATING),
    hooked("gemma3n_text", "embeddings a layer, shared keys, windows", head_dim=16, num_kv_shared_layers=2, num_hidden_layers=5,
           intermediate_size=[48] * 5, hidden_size_per_layer_input=8, laurel_rank=4,
           activation_sparsity_pattern=[0.5, 0.0, 0.0, 0.0, 0.0],
           sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
                                               "full_attention"], final_logit_softcapping=3.0),
    hooked("gemma4_text", "embeddings a layer, wide heads, windows", head_dim=16, hidden_size_per_layer_input=8,
           per_layer_config={"02": {"head_dim": 32}}, sliding_window=WINDOW,
           layer_types=["sliding_attention", "sliding_attention", "full_attention"]),
    hooked("vaultgemma", "windows", head_dim=16, query_pre_attn_scalar=16, final_logit_softcapping=None,
           attn_logit_softcapping=None, **ALTERNATING),
)  # fmt: skip
DENSE = (
    hooked("phi", "partial rotary", rope_parameters={"rope_theta": 500.0, "partial_rotary_factor": 0.5, "rope_type": "default"}),
    hooked("phi3", "merged products, partial rotary, a window", sliding_window=WINDOW, pad_token_id=0,
           rope_parameters={"rope_theta": 500.0, "partial_rotary_factor": 0.75, "rope_type": "default"}),
    hooked("olmo", "clipped queries, keys and values", clip_qkv=0.5),
    hooked("olmo2", "norms behind"),
    hooked("olmo3", "windows", **ALTERNATING),
    hooked("granite", "multipliers", embedding_multiplier=2.0, logits_scaling=1.5, residual_multiplier=0.6,
           attention_multiplier=0.3),
    hooked("gpt2", "Conv1D, learned positions", **NONE, n_embd=32, n_layer=LAYERS, n_head=4, n_positions=1024),
    hooked("gpt_neox", "partial rotary, parallel blocks", num_key_value_heads=None),
    hooked("gpt_bigcode", "one key head, learned positions", **NONE, n_embd=32, n_layer=LAYERS, n_head=4,
           n_positions=1024),
    hooked("opt", "learned positions, ReLU", ffn_dim=48, intermediate_size=None, num_key_value_heads=None, word_embed_proj_dim=32),
    hooked("glm", "partial rotary, merged products", head_dim=8, pad_token_id=0),
    hooked("glm4", "norms on both sides", head_dim=8, pad_token_id=0),
    hooked("cohere", "logit scale, parallel blocks, norms of queries and keys", logit_scale=0.25, use_qk_norm=True),
    hooked("cohere2", "windows, layers without positions", logit_scale=0.25, head_dim=8, **ALTERNATING),
    hooked("nemotron", "partial rotary, squared ReLU", head_dim=8),
    hooked("smollm3", "layers without positions", no_rope_layers=[1, 0, 1], pad_token_id=0),
    hooked("exaone4", "windows, layers without positions", **ALTERNATING),
    hooked("ernie4_5", "", head_dim=8),
    hooked("starcoder2", "a window", sliding_window=WINDOW),
    hooked("seed_oss", "biases", head_dim=8, residual_dropout=0.1),
    hooked("helium", "", head_dim=8),
    hooked("arcee", "squared ReLU", head_dim=8),
    hooked("hunyuan_v1_dense", "norms of queries and keys", head_dim=8),
    hooked("minicpm3", "latent attention", num_key_value_heads=4, head_dim=None, dim_model_base=16, **LATENT),
    hooked("apertus", "xIELU, llama3 angles", rope_parameters=LLAMA3),
    hooked("internlm3", "", head_dim=8),
    hooked("ministral3", "yarn angles", head_dim=8, rope_parameters={
        **YARN, "type": "yarn", "llama_4_scaling_beta": 0.1, "max_position_embeddings": 1024}),
    hooked("persimmon", "norms of queries and keys", num_key_value_heads=None),
)  # fmt: skip
EXPERTS = (
    hooked("mixtral", "experts", num_local_experts=4),
    hooked("qwen2_moe", "experts, a shared one", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
           shared_expert_intermediate_size=24),
    hooked("qwen3_moe", "experts", num_local_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, head_dim=16),
    hooked("olmoe", "experts", num_experts=4, num_experts_per_tok=2),
    hooked("granitemoe", "experts, multipliers", num_local_experts=4, logits_scaling=1.5, residual_multiplier=0.6,
           attention_multiplier=0.3, embedding_multiplier=2.0),
    hooked("deepseek_v2", "latent attention, experts", num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2,
           n_shared_experts=1, moe_intermediate_size=16, first_k_dense_replace=1, **LATENT),
    hooked("deepseek_v3", "latent attention, experts, groups", num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2,
           n_group=2, topk_group=1, moe_intermediate_size=16, first_k_dense_replace=1, **LATENT),
    hooked("glm4_moe", "experts, partial rotary", head_dim=8, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
           use_qk_norm=True),
    hooked("gpt_oss", "sinks, windows, experts", head_dim=8, num_local_experts=4, num_experts_per_tok=2, rope_parameters={
        **YARN, "truncate": False}, **ALTERNATING),
    hooked("ernie4_5_moe", "experts", moe_intermediate_size=16, moe_k=2, moe_num_experts=4, moe_num_shared_experts=1),
)  # fmt: skip
LINEAR = {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4}
PLAIN = (
    plain("lfm2", "convolutions", layer_types=["conv", "full_attention", "conv"], block_auto_adjust_ff_dim=False),
    plain("stablelm", "partial rotary"),
    plain("falcon", "one key head, parallel blocks", intermediate_size=None, num_key_value_heads=None, ffn_hidden_size=48),
    plain("bloom", "ALiBi", **{**NONE, "hidden_size": 32}, n_layer=LAYERS, n_head=4),
    plain("mpt", "ALiBi", **NONE, d_model=32, n_heads=4, n_layers=LAYERS, max_seq_len=1024),
    plain("gptj", "partial rotary", **NONE, n_embd=32, n_layer=LAYERS, n_head=4, n_positions=1024, rotary_dim=4),
    plain("codegen", "partial rotary", **NONE, n_embd=32, n_layer=LAYERS, n_head=4, n_positions=1024,
          rotary_dim=4),
    plain("gpt_neo", "windows", **{**NONE, "hidden_size": 32, "max_position_embeddings": 1024, "intermediate_size": 48},
          num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=WINDOW),
    plain("mamba", "state space", intermediate_size=None, num_attention_heads=None, num_key_value_heads=None,
          max_position_embeddings=None, state_size=8, time_step_rank=4),
    plain("jamba", "state space, attention, experts", num_experts=2, num_experts_per_tok=1, attn_layer_period=2,
          attn_layer_offset=1, mamba_d_state=8, mamba_dt_rank=4, use_mamba_kernels=False),
    plain("qwen3_next", "linear attention, experts", head_dim=8, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
          shared_expert_intermediate_size=16, layer_types=["linear_attention", "full_attention", "linear_attention"], **LINEAR),
    plain("qwen3_5_text", "linear attention", head_dim=8, layer_types=["linear_attention", "full_attention", "linear_attention"],
          **LINEAR),
)  # fmt: skip
DRAWN = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}
DRAWN |= {"patch_size": 14}
SECTIONS = {"rope_theta": 500.0, "rope_type": "default", "mrope_section": [2, 1, 1]}
QWEN_EYES = {"depth": 1, "num_heads": 2, "patch_size": 14, "hidden_size": 16, "intermediate_size": 24}
SEEING = (
    seeing("gemma3", "windows", {"head_dim": 16, "query_pre_attn_scalar": 16, **ALTERNATING}, DRAWN, mm_tokens_per_image=4),
    seeing("mistral3", "", {"head_dim": 16}, {**DRAWN, "head_dim": 8}),
    seeing("qwen2_vl", "", {"rope_parameters": SECTIONS}, {**QWEN_EYES, "embed_dim": 16, "hidden_size": 32}),
    seeing("qwen2_5_vl", "", {"rope_parameters": SECTIONS}, {**QWEN_EYES, "out_hidden_size": 32, "fullatt_block_indexes": [0]}),
    seeing("qwen3_vl", "", {"head_dim": 8, "rope_parameters": SECTIONS},
           {**QWEN_EYES, "out_hidden_size": 32, "deepstack_visual_indexes": [0], "num_position_embeddings": 16}),
    seeing("llava", "", {"head_dim": 8}, {**DRAWN, "projection_dim": 16}, vision_feature_layer=-1),
)  # fmt: skip
EVERY = (*FUSED, *GEMMAS, *DENSE, *EXPERTS, *PLAIN, *SEEING)
