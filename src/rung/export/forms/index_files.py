"""An index of passages in files that others read, and those files read again and searched as the index is."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.retrieval.index import Index, searched_text
from rung.engine.retrieval.retriever import question_of
from rung.export.questions import questions
from rung.json_form import as_json
from rung.parts import Retrieval

if TYPE_CHECKING:
    import numpy as np

    from rung.export.subject import Subject

FORM = 1
PASSAGES, VECTORS, LEXICAL, MANIFEST = "passages.jsonl", "vectors.safetensors", "lexical", "retriever.json"
# Passages whose own text and vector are searched for.
PROBES = 200


@dataclass(frozen=True, kw_only=True)
class Again:
    """What others read: the passages, bm25s' index (None where no passage holds a word), the vectors (None without an encoder)."""

    passages: Sequence[Mapping[str, Any]]
    bm25: Any
    vectors: np.ndarray | None


def write_files(index: Index, retrieval: Retrieval, folder: Path) -> None:
    """All but the passages."""
    if index.vectors is not None:
        import numpy as np
        from safetensors.numpy import save_file

        save_file({"vectors": np.ascontiguousarray(index.vectors)}, folder / VECTORS)
    if index.searcher.bm25 is not None:
        # Its files say no encoding where Python's own differs from system to system, and hold nothing but ASCII or UTF-8.
        in_order(index.searcher.bm25).save(folder / LEXICAL, show_progress=False)
    said = {
        "form": FORM,
        "retrieval": as_json(retrieval),
        "passages": len(index.chunks),
        "sources": sorted({chunk["source"] for chunk in index.chunks}),
        "dimensions": int(index.vectors.shape[1]) if index.vectors is not None and index.vectors.ndim == 2 else None,
        "similarity": index.similarity if index.vectors is not None else None,
        "words": index.words,
        "searched": "the headings above a passage, joined by ' > ', a line end, and its text; its text alone where it has none",
        "ties": "the earlier passage; of passages that say the same the first alone",
    }
    (folder / MANIFEST).write_text(json.dumps(said, ensure_ascii=True, indent=1, sort_keys=True) + "\n", "ascii")


def in_order(bm25: Any) -> Any:
    """The same index, its words in order: bm25s numbers them as a set gives them, in another order in every process."""
    import numpy as np

    scores = bm25.scores
    columns = len(scores["indptr"]) - 1
    numbered = {word: number for word, number in bm25.vocab_dict.items() if number < columns}
    words = sorted(numbered)
    parts = [slice(*scores["indptr"][numbered[word] : numbered[word] + 2]) for word in words]
    sorted_index = copy.copy(bm25)
    lengths = [part.stop - part.start for part in parts]
    sorted_index.scores = {
        "data": np.concatenate([scores["data"][part] for part in parts]),
        "indices": np.concatenate([scores["indices"][part] for part in parts]),
        "indptr": np.concatenate([[0], np.cumsum(lengths)]).astype(scores["indptr"].dtype),
        "num_docs": scores["num_docs"],
    }
    sorted_index.vocab_dict = {word: number for number, word in enumerate(words)}
    sorted_index.unique_token_ids_set = set(sorted_index.vocab_dict.values())
    return sorted_index


def read_again(folder: Path) -> Again:
    """The files by who reads such files."""
    import bm25s
    from safetensors.numpy import load_file

    lines = (folder / PASSAGES).read_bytes().decode("utf-8", "surrogatepass").split("\n")
    lexical, vectors = folder / LEXICAL, folder / VECTORS
    return Again(
        passages=[json.loads(line) for line in lines if line],
        bm25=bm25s.BM25.load(lexical, show_progress=False) if lexical.is_dir() else None,
        vectors=load_file(vectors)["vectors"] if vectors.is_file() else None,
    )


def searched_otherwise(subject: Subject, stored: Index, again: Again) -> tuple[int, int]:
    """How many searches there were, and how many of them came to something else: by words, of questions and of passages' own texts;
    by vectors, of passages' own."""
    if list(stored.chunks) != list(again.passages):
        return 1, 1
    every = max(1, -(-len(stored.chunks) // PROBES))
    texts = [question_of(one.messages) for one in questions(subject)[0]]
    texts += [searched_text(chunk) for chunk in stored.chunks[::every]]
    other = sum(_words_otherwise(text, stored, again) for text in texts)
    asked = len(texts)
    if stored.vectors is not None:
        asked += len(stored.vectors[::every])
        other += sum(_vectors_otherwise(query, stored, again) for query in stored.vectors[::every])
    return asked, other


def _words_otherwise(text: str, stored: Index, again: Again) -> bool:
    """BM25's own scores, by the words that rung splits a text into."""
    import numpy as np

    searcher = stored.searcher
    if searcher.bm25 is None or again.bm25 is None:
        return searcher.bm25 is not again.bm25
    known = [word for word in searcher.words(text) if word in again.bm25.vocab_dict]
    if known != [word for word in searcher.words(text) if word and word in searcher.bm25.vocab_dict]:
        return True
    return bool(known) and not np.array_equal(searcher.bm25.get_scores(known), again.bm25.get_scores(known))


def _vectors_otherwise(query: np.ndarray, stored: Index, again: Again) -> bool:
    import numpy as np

    if again.vectors is None or again.vectors.dtype != query.dtype:
        return True
    found = Index(chunks=tuple(again.passages), vectors=again.vectors, words=stored.words, similarity=stored.similarity)
    return not np.array_equal(stored.dense(query), found.dense(query))
