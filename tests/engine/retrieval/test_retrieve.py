"""Search, fusion, refusal and the index: nothing is embedded twice."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from tiny_encoder import WORDS, make_static

from rung.engine.answer import answer
from rung.engine.retrieval import index as index_module
from rung.engine.retrieval.encoders import open_encoder
from rung.engine.retrieval.index import Index, store_index
from rung.engine.retrieval.retriever import Retriever, _fused, open_retriever
from rung.engine.runtime import Runtime
from rung.parts import Abstention, Gold, Retrieval
from rung.progress import Silent
from rung.registry.store import BlobStore
from rung.types import Answer, Candidate, Example
from rung.verify.retrieval import gold_relevance, is_in

TEXTS = ("The gate opens at nine.", "The window closes in the rain.", "Red means stop.", "Green means go, always.")


def chunk(place, text, source="a.md", headings=()):
    return {"id": f"{place:08x}", "source": source, "headings": list(headings), "start": 0, "end": len(text), "text": text}


CHUNKS = [chunk(place, text) for place, text in enumerate(TEXTS)]


@pytest.fixture
def encoder(tmp_path):
    return open_encoder(str(make_static(tmp_path / "encoder")), tmp_path / "home")


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "blobs", writable=True)


def asked(text):
    return Example(id=text, messages=({"role": "user", "content": text},))


def test_lexical_search_finds_what_shares_a_word(blobs):
    retriever = open_retriever(
        Retrieval(index=store_index(CHUNKS, None, blobs, Silent()), mode="lexical", k=2, form="question_last"), blobs
    )
    found = retriever.search("when does the gate open, red gate", 2)
    assert [int(passage["id"], 16) for passage in found.passages] == [0, 2]
    assert found.surety == pytest.approx(float(retriever.index.lexical("when does the gate open, red gate").max()))
    assert retriever.search("zebra", 3).passages == ()
    assert retriever.search("", 3).surety == 0.0


@pytest.mark.parametrize("mode", ["lexical", "dense", "hybrid"])
def test_equal_passages_take_one_place(blobs, encoder, mode):
    """Of another width, case or spacing too; under another heading a text may mean something else."""
    copies = [
        chunk(10, "The GATE opens  at nine.", source="b.md"),
        chunk(11, "The gate opens at\nｎｉｎｅ.", source="c.md"),
        chunk(12, "The gate opens at nine.", source="d.md", headings=("Winter",)),
    ]
    settings = Retrieval(
        index=store_index([*CHUNKS, *copies], encoder, blobs, Silent()), mode=mode, k=3, form="cited", encoder=encoder.reference
    )
    found = open_retriever(settings, blobs, lambda _: encoder).search("when does the gate open at nine", 3).passages
    ids = [passage["id"] for passage in found]
    assert ids[:2] in (["00000000", "0000000c"], ["0000000c", "00000000"])
    assert not {"0000000a", "0000000b"} & set(ids)
    [first] = [passage for passage in found if passage["id"] == "00000000"]
    assert [copy["source"] for copy in first["copies"]] == ["b.md", "c.md"]
    assert is_in(Gold(source="c.md"), first) and is_in(Gold(source="a.md"), first) and not is_in(Gold(source="d.md"), first)
    assert gold_relevance([Gold(source="b.md", start=0, end=3)], found)[0].count("b.md:0-3") == 1


def test_headings_are_searched_too(blobs):
    chunks = [*CHUNKS, chunk(9, "At noon it is shut.", headings=("Harbour", "Hours"))]
    found = open_retriever(
        Retrieval(index=store_index(chunks, None, blobs, Silent()), mode="lexical", k=1, form="cited"), blobs
    ).search("harbour hours", 1)
    assert found.passages[0]["id"] == "00000009"


def test_dense_and_hybrid_search(blobs, encoder):
    index = store_index(CHUNKS, encoder, blobs, Silent())
    settings = Retrieval(index=index, mode="dense", k=2, form="cited", encoder=encoder.reference)
    dense = open_retriever(settings, blobs, lambda _: encoder)
    vectors = encoder.embed(list(TEXTS))
    order = np.argsort(-(vectors @ encoder.query("go green")), kind="stable")
    assert [int(p["id"], 16) for p in dense.search("go green", 2).passages] == list(order[:2])
    hybrid = open_retriever(replace(settings, mode="hybrid"), blobs, lambda _: encoder)
    assert hybrid.search("go green", 1).passages[0]["id"] == "00000003"


def test_fusion_is_by_reciprocal_rank():
    # Scores 1/61, 1/62 + 1/61, 2/63 and 1/62.
    assert _fused([[0, 1, 2], [1, 3, 2]]) == [1, 2, 0, 3]


def test_many_passages_are_searched_by_faiss(blobs, monkeypatch):
    pytest.importorskip("faiss", reason="faiss-cpu is an extra")
    monkeypatch.setattr(index_module, "MANY_CHUNKS", 100)
    vectors = np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    many = Index(chunks=tuple(chunk(n, "x") for n in range(2000)), vectors=vectors)
    hits = sum(int(np.argmax(many.dense(query))) == int(np.argmax(vectors @ query)) for query in vectors[:100] + 0.1)
    assert hits >= 95


def _counting(encoder):
    said = []
    return dataclasses.replace(encoder, encode=lambda text, asked: said.append(text) or encoder.encode(text, asked)), said


def test_ten_thousand_chunks_are_embedded_once_and_a_changed_file_alone_again(blobs, encoder):
    draw = np.random.default_rng(1)
    chunks = [chunk(n, " ".join(draw.choice(WORDS, 6)) + f" {n}", source=f"{n // 100}.md") for n in range(10_000)]
    counting, said = _counting(encoder)
    first = store_index(chunks, counting, blobs, Silent())
    assert len(said) == 10_000
    said.clear()
    assert store_index(chunks, counting, blobs, Silent()) == first
    assert said == []
    changed = [{**one, "text": one["text"] + " now"} if one["source"] == "7.md" else one for one in chunks]
    assert store_index(changed, counting, blobs, Silent()) != first
    assert len(said) == 100


def test_an_answer_gets_its_passages_or_the_refusal(blobs):
    asked_for = []

    class Backend:
        def answer(self, requests):
            asked_for.extend(requests)
            return [Answer(text="nine") for _ in requests]

    index = store_index(CHUNKS, None, blobs, Silent())
    abstain = Abstention(below=0.1, answer="not in the documents")
    settings = Retrieval(index=index, mode="lexical", k=1, form="question_last", abstain=abstain)
    candidate = Candidate(rung="r2_retrieve", base="b", prompt="Be brief.", retrieval=settings)
    rows = [asked("what is a zebra"), asked("when is the gate open"), asked("a zebra again")]
    said = answer(candidate, rows, Runtime(backend_for=lambda _: Backend(), blobs=blobs))
    assert [one.text for one in said] == ["not in the documents", "nine", "not in the documents"]
    assert [one.finish_reason for one in said] == ["abstained", "stop", "abstained"]
    [request] = asked_for
    assert request.messages[0] == {"role": "system", "content": "Be brief."}
    assert "The gate opens at nine." in request.messages[1]["content"]
    assert request.messages[1]["content"].endswith("when is the gate open")


def test_the_index_read_is_the_index_stored(blobs, encoder):
    index = Index.read(blobs.local(store_index(CHUNKS, encoder, blobs, Silent())))
    assert list(index.chunks) == CHUNKS
    assert np.array_equal(index.vectors, encoder.embed([one["text"] for one in CHUNKS]))
    assert isinstance(
        Retriever(index=index, mode="dense", k=1, form="cited", encoder=encoder).find(asked("go").messages).surety, float
    )


def test_an_answer_that_is_to_cite_keeps_what_it_was_shown(blobs):
    class Backend:
        def answer(self, requests):
            return [Answer(text="nine [00000000]") for _ in requests]

    index = store_index(CHUNKS, None, blobs, Silent())
    keys = ("id", "source", "start", "end", "text")
    for form, kept in (("cited", ({key: CHUNKS[0][key] for key in keys},)), ("question_last", ())):
        settings = Retrieval(index=index, mode="lexical", k=1, form=form)
        candidate = Candidate(rung="r2_retrieve", base="b", retrieval=settings)
        [said] = answer(candidate, [asked("when is the gate open")], Runtime(backend_for=lambda _: Backend(), blobs=blobs))
        assert said.passages == kept
