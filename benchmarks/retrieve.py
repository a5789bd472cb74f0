"""Retrieval on the Cranfield collection: lexical, dense and hybrid search beside bm25s alone. Prints a table.

python benchmarks/retrieve.py ../shared/data/cranfield [--encoder REFERENCE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from rung.engine.retrieval.encoders import DEFAULT_ENCODER, open_encoder
from rung.engine.retrieval.index import Index, searched_text
from rung.engine.retrieval.retriever import MODES, Retriever
from rung.verify.retrieval import documents_of, ndcg_at, recall_at, reciprocal_rank

HEAD = f"{'search':<16} {'nDCG@10':>8} {'R@10':>7} {'R@100':>7} {'MRR':>7} {'ms/question':>12}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--home", type=Path, help="where downloads and vectors are kept; a temporary folder if left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report(options.folder, options.encoder, options.home or Path(scratch))


def report(folder: Path, encoder_name: str, home: Path) -> None:
    chunks, judged = read(folder)
    encoder = open_encoder(encoder_name, home)
    started = time.perf_counter()
    vectors = encoder.embed([searched_text(chunk) for chunk in chunks])
    print(f"{len(chunks)} documents, {len(judged)} questions; encoder {encoder.reference}")
    print(f"embedding, or reading what was embedded: {time.perf_counter() - started:.1f} s\n\n{HEAD}")
    index = Index(chunks=tuple(chunks), vectors=vectors)
    for mode in MODES:
        retriever = Retriever(index=index, mode=mode, k=100, form="question_last", encoder=encoder)
        line(mode, lambda question, by=retriever: documents_of(by.search(question, 100).passages), judged)
    line("bm25s alone", bm25s_alone(chunks), judged)


def read(folder: Path):
    documents = json.loads((folder / "cran_docs.json").read_text("utf-8"))
    chunks = [{"id": str(row["id"]), "source": str(row["id"]), "headings": [], "text": row["body"]} for row in documents]
    questions = [row["query"] for row in json.loads((folder / "cran_queries.json").read_text("utf-8"))]
    relevance: dict[int, dict[str, int]] = defaultdict(dict)
    for row in json.loads((folder / "cran_qrels.json").read_text("utf-8")):
        relevance[int(row["query_num"])][str(row["id"])] = 5 - int(row["position"])
    return chunks, [(questions[number - 1], told) for number, told in relevance.items()]


def bm25s_alone(chunks):
    import bm25s

    index = bm25s.BM25()
    index.index(bm25s.tokenize([chunk["text"] for chunk in chunks], show_progress=False), show_progress=False)

    def find(question: str) -> list[str]:
        places, _ = index.retrieve(bm25s.tokenize([question], show_progress=False), k=100, show_progress=False)
        return [chunks[place]["source"] for place in places[0]]

    return find


def line(name: str, find, judged) -> None:
    find(judged[0][0])
    started = time.perf_counter()
    found = [(find(question), relevance) for question, relevance in judged]
    each_ms = (time.perf_counter() - started) / len(judged) * 1000
    means = [
        sum(score(names, relevance) for names, relevance in found) / len(found)
        for score in (
            lambda names, relevance: ndcg_at(names, relevance, 10),
            lambda names, relevance: recall_at(names, relevance, 10),
            lambda names, relevance: recall_at(names, relevance, 100),
            reciprocal_rank,
        )
    ]
    print(f"{name:<16} {means[0]:>8.4f} {means[1]:>7.4f} {means[2]:>7.4f} {means[3]:>7.4f} {each_ms:>12.1f}")


if __name__ == "__main__":
    main()
