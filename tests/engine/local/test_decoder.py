from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rung.engine.local.adapters import BASE
from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.attention import PrefixedRows, attend_rows, masked_attention
from rung.engine.local.cache import Part, RowCache, extend_together
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.prefix import compute_prefix
from rung.engine.local.weights import export, load_weights
from rung.errors import UserError

SHAPE = {
    "vocab_size": 101,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
    "tie_word_embeddings": False,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 32}
KINDS = {
    "llama": ("llama", {}),
    "llama tied": ("llama", {"tie_word_embeddings": True}),
    "llama one key head": ("llama", {"num_key_value_heads": 1, "head_dim": 16}),
    "llama3 scaling": ("llama", {"rope_parameters": LLAMA3}),
    "yarn scaling": ("llama", {"rope_parameters": YARN}),
    "linear scaling": ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0}}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "mistral": ("mistral", {"sliding_window": None}),
}


def save(folder: Path, kind: str, settings: dict) -> Path:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**SHAPE, **settings})).float()
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name:
            torch.nn.init.normal_(parameter, 1.0 if "norm" in name else 0.0, 0.3)
    model.save_pretrained(folder)
    return folder


def load(folder: Path) -> FusedDecoder:
    config = DecoderConfig.read(folder)
    return FusedDecoder(config, load_weights(folder, config, torch.float32, torch.device("cpu")))


@pytest.mark.parametrize("name", KINDS)
def test_logits_equal_transformers(tmp_path: Path, name: str) -> None:
    from transformers import AutoModelForCausalLM

    folder = save(tmp_path, *KINDS[name])
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    decoder = load(folder)
    ids = torch.randint(0, 101, (70,), generator=torch.Generator().manual_seed(1))
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=70)
    with torch.inference_mode():
        ours = decoder.logits(decoder.hidden(ids, torch.arange(70), attention))
        theirs = reference(ids[None]).logits[0]
    assert torch.allclose(ours, theirs, atol=1e-4), (ours - theirs).abs().max()
    stored = reference.state_dict()
    assert all(torch.equal(tensor, stored[key]) for key, tensor in export(decoder.weights, decoder.config).items())


def test_steps_and_branches_equal_one_pass(tmp_path: Path) -> None:
    """Prefix, ragged first pass, ragged later passes and a tree give the hidden states of each row read whole."""
    decoder = load(save(tmp_path, "qwen3", {"head_dim": 16}))
    generator = torch.Generator().manual_seed(2)
    prefix, *rows = (torch.randint(0, 101, (n,), generator=generator).tolist() for n in (19, 7, 12, 3))
    tails, nodes, parents = [[5, 6], [7], [8, 9, 10]], [11, 12, 13, 14], [-1, 0, 1, 0]

    def whole(tokens: list[int]) -> torch.Tensor:
        attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(tokens))
        return decoder.hidden(torch.tensor(tokens), torch.arange(len(tokens)), attention)[-1]

    with torch.inference_mode():
        cache = RowCache(decoder, 3, 32, compute_prefix(decoder, tuple(prefix), BASE))
        first, second = (extend_together([Part.of(cache, some)], None) for some in (rows, tails))
        cache.move(2, 1)
        cache.pop()
        tree = cache.branch(nodes, parents)
        for index, row in enumerate(rows):
            assert torch.allclose(first[index], whole(prefix + row), atol=1e-5)
            assert torch.allclose(second[index], whole(prefix + row + tails[index]), atol=1e-5)
        paths = [[11], [11, 12], [11, 12, 13], [11, 14]]
        for place, index in enumerate([0, 2]):
            for node, path in enumerate(paths):
                assert torch.allclose(tree[place, node], whole(prefix + rows[index] + tails[index] + path), atol=1e-5)


def test_attention_some_rows_at_a_time_equals_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(6, heads, 9, 16, generator=generator) for heads in (4, 2, 2))
    mask = torch.full((9, 9), float("-inf")).triu_(1)
    with torch.inference_mode():
        at_once = masked_attention(queries, keys, values, mask, None)
        fused = attend_rows(queries, keys, values, None)
        monkeypatch.setattr("rung.engine.local.attention.SCORES_AT_ONCE", 800)
        apart = masked_attention(queries, keys, values, mask, None)
        apart_by_row = masked_attention(queries, keys, values, mask.expand(6, 1, 9, 9), None)
    assert torch.allclose(at_once, apart, atol=1e-6) and torch.allclose(at_once, apart_by_row, atol=1e-6)
    assert torch.allclose(at_once.transpose(1, 2).reshape(54, 64), fused, atol=1e-6)


def test_unknown_architectures_are_refused(tmp_path: Path) -> None:
    folder = save(tmp_path, "llama", {})
    text = (folder / "config.json").read_text("utf-8")
    for old, new, said in [
        ('"llama"', '"gemma2"', "gemma2"),
        ('"silu"', '"gelu"', "activation 'gelu'"),
        ('"rope_type": "default"', '"rope_type": "dynamic"', "dynamic"),
    ]:
        (folder / "config.json").write_text(text.replace(old, new), "utf-8")
        with pytest.raises(UserError, match=said):
            load(folder)
