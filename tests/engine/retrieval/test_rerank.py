"""Reranking: transformers' own scores, the best of what was found first, and the weights part of the Candidate."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_encoder import make_cross_encoder, make_transformer

from rung.engine.retrieval.index import Index, searched_text, store_index
from rung.engine.retrieval.rerank import Reranker, open_reranker
from rung.engine.retrieval.retriever import RERANKED, Retriever, open_retriever
from rung.errors import BrokenEnvironment, UserError
from rung.parts import Retrieval
from rung.progress import Silent
from rung.registry.store import BlobStore

QUESTION = "when does the gate open"
PASSAGES = ["the gate opens at nine", "the window closes in rain, never at noon", "go", "green door " * 200]


def chunk(place, text):
    return {"id": f"{place:08x}", "source": "a.md", "headings": ["Gate"], "start": 0, "end": len(text), "text": text}


def direct(folder, labels):
    """Each pair by itself, by transformers' classes."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = []
    for passage in PASSAGES:
        tokens = tokenizer(QUESTION, passage, truncation=True, max_length=64, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**tokens).logits[0]
        scores.append(float(logits[0] if labels == 1 else logits.log_softmax(0)[1] - logits.log_softmax(0)[0]))
    return scores


@pytest.mark.parametrize("labels", [1, 2])
def test_scores_are_transformers_own_read_as_one_batch(tmp_path, labels):
    folder = make_cross_encoder(tmp_path / "reranker", labels=labels)
    scores = open_reranker(str(folder), tmp_path / "home").score(QUESTION, PASSAGES)
    np.testing.assert_allclose(scores, direct(folder, labels), atol=1e-5)
    assert len(set(scores.tolist())) == len(PASSAGES)


def test_a_candidate_finds_the_reranker_that_it_was_measured_with(tmp_path):
    reference = open_reranker(str(make_cross_encoder(tmp_path / "reranker")), tmp_path / "home").reference
    assert open_reranker(reference, tmp_path / "home").reference == reference
    make_cross_encoder(tmp_path / "reranker", seed=1)
    with pytest.raises(UserError, match="the reranker is not the one that was searched with"):
        open_reranker(reference, tmp_path / "home")
    with pytest.raises(UserError, match="there is no reranker"):
        open_reranker(str(tmp_path / "absent"), tmp_path / "home")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: make_cross_encoder(folder, labels=3), "tells 3 classes apart"),
        (make_transformer, "no whole classifier: classifier.bias is missing"),
    ],
)
def test_what_gives_no_score_is_refused(tmp_path, make, told):
    reranker = open_reranker(str(make(tmp_path / "classifier")), tmp_path / "home")
    with pytest.raises(UserError, match=told):
        reranker.score(QUESTION, PASSAGES)


def test_what_was_found_is_put_in_the_rerankers_order():
    asked = []

    def score(question, passages):
        asked.append(list(passages))
        return np.array([float("green" in passage) for passage in passages], np.float32)

    chunks = tuple(chunk(n, f"gate number {n} " + ("green" if n in (5, 7) else "red")) for n in range(40))
    plain = Retriever(index=Index(chunks=chunks), mode="lexical", k=3, form="question_last")
    reranked = Retriever(
        index=plain.index, mode="lexical", k=3, form="question_last", reranker=Reranker(reference="r", score=score)
    )
    first = [passage["id"] for passage in plain.search("gate", RERANKED).passages]
    found = reranked.search("gate", 3)
    green = [name for name in first if int(name, 16) in (5, 7)]
    assert [passage["id"] for passage in found.passages] == [*green, next(name for name in first if name not in green)]
    assert found.surety == 1.0
    assert asked == [[searched_text(passage) for passage in plain.search("gate", RERANKED).passages]]
    assert reranked.search("zebra", 3).passages == () and len(asked) == 1
    assert len(reranked.search("gate", 30).passages) == 30 and len(asked) == 2
    assert reranked.search("gate", 3) == found and len(asked) == 2, "one question is read once"


def test_a_candidate_that_reranks_needs_a_reranker(tmp_path):
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    index = store_index([], None, blobs, Silent())
    with pytest.raises(BrokenEnvironment, match="no reranker can be opened here"):
        open_retriever(Retrieval(index=index, mode="lexical", k=1, form="cited", reranker="r"), blobs)
