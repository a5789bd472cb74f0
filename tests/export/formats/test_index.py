"""An index written for others finds the same passages with the same scores once bm25s and safetensors have read it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pytest
from versions_made import PASSAGES, prompt_candidate, read_bytes, retrieval_candidate, subject, written

from rung.export.formats import index
from rung.export.forms.index_files import in_order
from rung.registry.home import Home


@pytest.mark.parametrize("dense", [False, True])
def test_every_search_comes_to_the_same(dense: bool, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, retrieval_candidate(registry, dense=dense))
    folder = written(made, index, tmp_path / "index")
    found = index.check(made, folder)
    assert found.holds and found.rows > len(PASSAGES), found.said
    assert ("safetensors" in found.reader) is dense is (folder / "vectors.safetensors").exists()
    said = json.loads((folder / "retriever.json").read_text())
    assert said["passages"] == len(PASSAGES) and said["sources"] == ["0.md", "1.md"] and said["words"] == "2"
    assert said["dimensions"] == (6 if dense else None)
    assert any("encoder" in note for note in index.notes(made)) is dense


def test_bm25s_alone_ranks_by_the_words_that_a_question_shares(registry: Home, tmp_path: Path) -> None:
    folder = written(subject(registry, retrieval_candidate(registry)), index, tmp_path / "index")
    read = bm25s.BM25.load(folder / "lexical", show_progress=False)
    passages = [json.loads(line) for line in (folder / "passages.jsonl").read_text().splitlines()]
    assert passages[int(read.get_scores(["tor"]).argmax())]["text"].startswith("Das Tor")


def test_words_are_numbered_in_order_whatever_order_they_came_in() -> None:
    """bm25s takes them from a set of texts, whose order is another one in every process."""
    texts = [["b", "a", "c"], ["c", "c", "d"], [], ["a", "ö"]]
    found = []
    for seed in range(3):
        words = sorted({word for text in texts for word in text})
        random.Random(seed).shuffle(words)
        ids = {word: place for place, word in enumerate(words)}
        made = bm25s.BM25()
        made.index(([[ids[word] for word in text] for text in texts], dict(ids)), show_progress=False)
        found.append(in_order(made))
    for one in found[1:]:
        assert list(one.vocab_dict) == list(found[0].vocab_dict) == ["a", "b", "c", "d", "ö"]
        assert all(np.array_equal(one.scores[key], found[0].scores[key]) for key in ("data", "indices", "indptr"))


def test_the_same_twice(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, retrieval_candidate(registry, dense=True))
    assert read_bytes(written(made, index, tmp_path / "one")) == read_bytes(written(made, index, tmp_path / "two"))


def other_passage(folder: Path) -> None:
    lines = (folder / "passages.jsonl").read_text().splitlines()
    (folder / "passages.jsonl").write_text("\n".join([lines[1], lines[0], *lines[2:]]))


def other_vector(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    vectors = load_file(folder / "vectors.safetensors")["vectors"]
    vectors[0] *= 1.001
    save_file({"vectors": vectors}, folder / "vectors.safetensors")


def rounded_vectors(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({"vectors": load_file(folder / "vectors.safetensors")["vectors"].astype(np.float16)}, folder / "vectors.safetensors")


def other_scores(folder: Path) -> None:
    file = folder / "lexical" / "data.csc.index.npy"
    np.save(file, np.load(file) * np.float32(1.01))


def other_words(folder: Path) -> None:
    file = folder / "lexical" / "vocab.index.json"
    words = json.loads(file.read_text())
    file.write_text(json.dumps({word: number for word, number in words.items() if word != "tor"}))


@pytest.mark.parametrize("change", [other_passage, other_vector, rounded_vectors, other_scores, other_words])
def test_what_is_changed_is_found(change: Any, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, retrieval_candidate(registry, dense=True))
    folder = written(made, index, tmp_path / "index")
    change(folder)
    assert not index.check(made, folder).holds


def test_passages_without_a_word_and_with_half_a_character(registry: Home, tmp_path: Path) -> None:
    odd = [{**PASSAGES[0], "text": "!?", "headings": []}, {**PASSAGES[1], "text": "\ud800", "headings": [], "id": "00000009"}]
    made = subject(registry, retrieval_candidate(registry, passages=odd))
    folder = written(made, index, tmp_path / "index")
    assert not (folder / "lexical").exists() and index.check(made, folder).holds


def test_without_retrieval_there_is_none(registry: Home) -> None:
    assert index.fits(prompt_candidate(registry)) == "it looks no passages up"
