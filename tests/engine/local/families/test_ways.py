"""How a base is computed, and what of it is left out, is told before anything is spent on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from family_models import make
from table import EVERY

from rung.engine.local.hooked.shape import why_not_hooked
from rung.engine.local.model import LocalModel
from rung.engine.local.ways import told_of
from rung.errors import UserError

BY_KIND = {family.kind: family for family in EVERY}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("qwen2", []),
        ("gpt2", []),
        ("falcon", ["transformers' own generate, several times slower than other bases: 'falcon' leaves its attention to nobody"]),
        ("lfm2", ["several times slower than other bases: 'lfm2' has layers of the kind"]),
        ("llava", ["only the part that reads and writes text is loaded"]),
    ],
)
def test_what_is_told(kind: str, said: list[str], tmp_path: Path) -> None:
    folder = make(BY_KIND[kind], tmp_path / kind)
    told = told_of(folder)
    assert len(told) == len(said) and all(words in line for words, line in zip(said, told, strict=True)), told
    assert bool(why_not_hooked(folder)) == (BY_KIND[kind].path == "plain")


def test_what_reads_what_follows_is_no_base(tmp_path: Path) -> None:
    from tiny import tiny_tokenizer
    from transformers import BertConfig, BertLMHeadModel

    tokenizer = tiny_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertLMHeadModel(BertConfig(vocab_size=len(tokenizer), initializer_range=0.5, **sizes))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="reads what follows a token: it is no causal decoder"):
        LocalModel.load(tmp_path, device="cpu")
