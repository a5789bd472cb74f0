"""Encoders give the vectors that their own libraries give, once for each text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_encoder import make_static, make_transformer

from rung.engine.retrieval.encoders import open_encoder
from rung.engine.retrieval.vectors import VectorStore
from rung.errors import BrokenEnvironment, UserError

TEXTS = ["the gate opens at nine", "the window closes in rain", "go", "the gate opens at nine"]


@pytest.mark.parametrize("first", [False, True])
def test_a_transformer_pools_as_its_folder_says(tmp_path, first):
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = make_transformer(tmp_path / "encoder", first=first)
    vectors = open_encoder(str(folder), tmp_path / "home").embed(TEXTS)
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    pooled = states[:, 0] if first else (states * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(pooled, dim=1).numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_a_static_encoder_is_model2vecs_own(tmp_path):
    from model2vec import StaticModel

    folder = make_static(tmp_path / "encoder")
    vectors = open_encoder(str(folder), tmp_path / "home").embed(TEXTS)
    own = StaticModel.from_pretrained(str(folder)).encode(TEXTS)
    np.testing.assert_allclose(vectors, own / np.linalg.norm(own, axis=1, keepdims=True), atol=1e-5)
    assert open_encoder(str(folder), tmp_path / "home").unread(["go " * 512, "go " * 513]) == (1, 512)


def test_known_texts_are_not_encoded_again(tmp_path):
    folder = make_transformer(tmp_path / "encoder")
    said = []

    def counting(encoder):
        return dataclasses.replace(encoder, encode=lambda text, asked: said.append(text) or encoder.encode(text, asked))

    first = counting(open_encoder(str(folder), tmp_path / "home")).embed(TEXTS)
    assert said == TEXTS[:3]
    again = counting(open_encoder(str(folder), tmp_path / "home")).embed([*TEXTS, "stop"])
    assert said == [*TEXTS[:3], "stop"]
    assert np.array_equal(again[:4], first)


def test_what_pooling_says_is_part_of_the_pin(tmp_path):
    one = open_encoder(str(make_transformer(tmp_path / "encoder")), tmp_path / "home").reference
    open_encoder(one, tmp_path / "home")
    assert open_encoder(str(make_transformer(tmp_path / "encoder", first=True)), tmp_path / "home").reference != one
    with pytest.raises(UserError, match="not the one that was searched with"):
        open_encoder(one, tmp_path / "home")
    with pytest.raises(UserError, match="there is no encoder"):
        open_encoder(str(tmp_path / "absent"), tmp_path / "home")


def test_a_pin_of_what_is_computed_as_ever_stays(tmp_path):
    """Candidates that were locked before there were steps go on; what is computed in another way now has another pin."""
    from rung.engine.bases.folder import digest_folder
    from rung.engine.retrieval.pipeline import read_config
    from rung.json_form import digest

    folder = make_transformer(tmp_path / "encoder")

    def before():
        names = ("1_Pooling", "config.json"), (".", "sentence_bert_config.json")
        return digest([digest_folder(folder), *(read_config(folder / place, name) for place, name in names)])

    def now():
        return open_encoder(str(folder), tmp_path / "home").reference[-64:]

    assert now() == before()
    make_transformer(folder, first=True)
    assert now() == before()
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16, "do_lower_case": true}')
    assert now() != before(), "it was not heeded"
    (folder / "sentence_bert_config.json").unlink()
    assert now() != before(), "256 tokens were read, now all that the model takes"


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    store = VectorStore(tmp_path / "file" / "v.db")
    store.add("a" * 64, np.ones(3, np.float32))
    with pytest.raises(BrokenEnvironment, match="cannot keep the vectors"):
        store.flush()


def test_a_file_of_vectors_that_was_never_finished_or_is_damaged(tmp_path):
    """A full disk leaves an empty file behind; it is filled as soon as there is room."""
    store = VectorStore(tmp_path / "vectors.db")
    store.path.touch()
    assert store.load(["a"]) == {}
    store.add("a", np.ones(2, np.float32))
    store.flush()
    assert list(store.load(["a", "b"])) == ["a"]
    store.path.write_bytes(b"no database at all" * 100)
    with pytest.raises(BrokenEnvironment, match="cannot be read"):
        store.load(["a"])
