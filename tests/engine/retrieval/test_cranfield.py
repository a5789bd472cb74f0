"""The Cranfield collection through the real pipeline: files, chunks, index, search."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from rung.data.documents.collect import collect
from rung.data.documents.files import DocumentSource
from rung.engine.retrieval.encoders import DEFAULT_ENCODER, open_encoder
from rung.engine.retrieval.index import Index, store_index
from rung.engine.retrieval.retriever import Retriever
from rung.progress import Silent
from rung.registry.store import BlobStore
from rung.verify.retrieval import documents_of, ndcg_at

CRANFIELD = Path(__file__).resolve().parents[4] / "shared" / "data" / "cranfield"
pytestmark = pytest.mark.skipif(not CRANFIELD.is_dir(), reason=f"no Cranfield collection at {CRANFIELD}")


def read(name):
    return json.loads((CRANFIELD / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def bodies():
    return {str(row["id"]): row["body"] for row in read("cran_docs.json")}


@pytest.fixture(scope="module")
def judged():
    """question -> document -> relevance, 4 for a complete answer to 1 of minimum interest."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in read("cran_qrels.json"):
        found[str(row["query_num"])][str(row["id"])] = 5 - int(row["position"])
    questions = {str(number): row["query"] for number, row in enumerate(read("cran_queries.json"), start=1)}
    return [(questions[number], relevance) for number, relevance in found.items()]


@pytest.fixture(scope="module")
def chunks(bodies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cranfield")
    for name, body in bodies.items():
        (folder / f"{name}.txt").write_text(body, "utf-8")
    library = collect(DocumentSource(references=(str(folder),), base_folder=folder, downloads=folder), Silent())
    # Two of the abstracts are empty.
    assert len(library.documents) + len(library.problems) == len(bodies) == 1400
    assert set(library.problems.values()) == {"it is empty"}
    return [piece.as_json() for piece in library.chunks(100_000)]


def mean_ndcg(retriever, judged):
    def found(question):
        return [Path(name).stem for name in documents_of(retriever.search(question, 10).passages)]

    return sum(ndcg_at(found(question), relevance, 10) for question, relevance in judged) / len(judged)


def test_lexical_search_is_better_than_bm25s_alone(chunks, bodies, judged):
    import bm25s

    ours = mean_ndcg(Retriever(index=Index(chunks=tuple(chunks)), mode="lexical", k=10, form="cited"), judged)
    names = list(bodies)
    alone = bm25s.BM25()
    alone.index(bm25s.tokenize(list(bodies.values()), show_progress=False), show_progress=False)
    total = 0.0
    for question, relevance in judged:
        places, _ = alone.retrieve(bm25s.tokenize([question], show_progress=False), k=10, show_progress=False)
        total += ndcg_at([names[place] for place in places[0]], relevance, 10)
    assert ours > total / len(judged) + 0.01
    assert ours > 0.51


@pytest.mark.real
def test_hybrid_search_is_not_worse_than_the_better_of_its_halves(chunks, judged, tmp_path):
    cache = Path(os.environ.get("RUNG_TEST_CACHE") or Path.home() / ".cache" / "rung-tests")
    cache.mkdir(parents=True, exist_ok=True)
    encoder = open_encoder(DEFAULT_ENCODER, cache)
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    index = Index.read(blobs.local(store_index(chunks, encoder, blobs, Silent())))
    scores = {
        mode: mean_ndcg(Retriever(index=index, mode=mode, k=10, form="cited", encoder=encoder), judged)
        for mode in ("lexical", "dense", "hybrid")
    }
    assert scores["hybrid"] >= max(scores["lexical"], scores["dense"])
