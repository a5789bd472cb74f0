"""Encoders of random weights, made on the spot: a transformer as sentence-transformers keeps it, a model2vec one, a reranker."""

from __future__ import annotations

import json
import re
from pathlib import Path

SENTENCE = (
    "The gate and door open at nine, the window closes at ten, noon, never, always, in rain, sun, go, stop, green, red, front, back"
)
WORDS = tuple(dict.fromkeys(re.findall(r"\w+", SENTENCE.lower())))


def _tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    core = Tokenizer(models.WordLevel({word: place for place, word in enumerate(["[PAD]", "[UNK]", *WORDS])}, unk_token="[UNK]"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return core


def make_transformer(folder: Path, *, first: bool = False) -> Path:
    """A BertModel of width 32; `first` takes the first token's vector, as 1_Pooling says."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    config = BertConfig(vocab_size=len(WORDS) + 2, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"pooling_mode_cls_token": first, "pooling_mode_mean_tokens": not first}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    return folder


def make_static(folder: Path) -> Path:
    """A model2vec folder: a random vector for each word."""
    import numpy as np
    from model2vec import StaticModel

    vectors = np.random.default_rng(0).normal(size=(len(WORDS) + 2, 16)).astype(np.float32)
    StaticModel(vectors, _tokenizer()).save_pretrained(folder)
    return folder


def make_cross_encoder(folder: Path, *, labels: int = 1, seed: int = 0) -> Path:
    """A BertForSequenceClassification of width 32 that takes 64 tokens."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS) + 2,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder
