"""Retrieval metrics are trec_eval's, to the sixth place; gold is told by document or by span."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

import pytest

from rung.parts import Gold
from rung.verify.retrieval import documents_of, gold_relevance, ndcg_at, recall_at, reciprocal_rank

CRANFIELD = Path(__file__).resolve().parents[3] / "shared" / "data" / "cranfield"
CUTS = (1, 3, 10, 100)


def _worlds(queries=60):
    """Random rankings with graded, unjudged and negative documents."""
    draw = random.Random(3)
    for number in range(queries):
        names = [f"d{n}" for n in range(40)]
        relevance = {name: draw.choice((0, 0, 0, 1, 2, 4)) for name in draw.sample(names, 15)} | {"far": 1}
        yield str(number), draw.sample(names, draw.randint(0, 30)), relevance


def _agree(worlds):
    measures = pytest.importorskip("ir_measures", reason="ir-measures is the reference")
    judged = [measures.Qrel(q, name, value) for q, _, relevance in worlds for name, value in relevance.items()]
    run = [measures.ScoredDoc(q, name, -float(rank)) for q, found, _ in worlds for rank, name in enumerate(found)]
    wanted = [measure @ k for measure in (measures.nDCG, measures.R) for k in CUTS] + [measures.RR]
    told = {(metric.query_id, str(metric.measure)): metric.value for metric in measures.iter_calc(wanted, judged, run)}
    for query, found, relevance in worlds:
        for k in CUTS:
            assert ndcg_at(found, relevance, k) == pytest.approx(told.get((query, f"nDCG@{k}"), 0.0), abs=1e-6)
            assert recall_at(found, relevance, k) == pytest.approx(told.get((query, f"R@{k}"), 0.0), abs=1e-6)
        assert reciprocal_rank(found, relevance) == pytest.approx(told.get((query, "RR"), 0.0), abs=1e-6)


def test_the_metrics_agree_with_ir_measures():
    _agree(list(_worlds()))


def test_the_metrics_agree_with_ir_measures_on_cranfield():
    if not CRANFIELD.is_dir():
        pytest.skip(f"no Cranfield collection at {CRANFIELD}")
    names = [str(row["id"]) for row in json.loads((CRANFIELD / "cran_docs.json").read_text("utf-8"))]
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for row in json.loads((CRANFIELD / "cran_qrels.json").read_text("utf-8")):
        judged[str(row["query_num"])][str(row["id"])] = 5 - int(row["position"])
    draw = random.Random(5)
    ranked = {query: dict.fromkeys([*list(told)[::2], *draw.sample(names, 50)]) for query, told in judged.items()}
    _agree([(query, list(ranked[query]), told) for query, told in judged.items()])


def test_without_a_relevant_document_there_is_no_metric():
    for metric in (lambda: recall_at(["a"], {"a": 0}, 1), lambda: ndcg_at([], {}, 1), lambda: reciprocal_rank(["a"], {})):
        with pytest.raises(ValueError, match="no document is relevant"):
            metric()


def test_gold_is_a_document_or_a_span():
    def passage(source, start, end):
        return {"id": f"{source}{start}", "source": source, "start": start, "end": end}

    ranked = [passage("a", 0, 10), passage("b", 0, 10), passage("b", 10, 20), passage("a", 10, 20)]
    assert documents_of(ranked) == ["a", "b"]
    found, relevance = gold_relevance([Gold(source="b")], ranked)
    assert (found, relevance) == (["a", "b"], {"b": 1})
    found, relevance = gold_relevance([Gold(source="b", start=12, end=14)], ranked)
    assert relevance == {"b:12-14": 1}
    assert reciprocal_rank(found, relevance) == 1 / 3
