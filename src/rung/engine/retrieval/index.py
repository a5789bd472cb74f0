"""The index of documents: a stored folder of passages and, for dense search, their vectors. Equal content, equal digest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import BrokenEnvironment
from rung.json_form import canonical_json
from rung.storage import Blobs
from rung.types import Progress

if TYPE_CHECKING:
    import numpy as np

    from rung.engine.retrieval.encoders import Encoder

# Above this many passages an exact search over all of them is slower than an answer; faiss then searches the near ones alone.
MANY_CHUNKS = 200_000
# HNSW with 32 links (Malkov & Yashunin, arXiv 1603.09320); 128 candidates are kept in view while searching.
FAISS_LINKS, FAISS_IN_VIEW = 32, 128


@dataclass(frozen=True, kw_only=True)
class Index:
    """Passages ({id, source, headings, start, end, text}) and, where there is an encoder, (passages, dimensions) unit vectors."""

    chunks: tuple[Mapping[str, Any], ...]
    vectors: np.ndarray | None = None

    @classmethod
    def read(cls, folder: Path) -> Index:
        """The index in a blob, read once for each path: a blob never changes."""
        return _read(folder)

    def lexical(self, query: str) -> np.ndarray:
        """BM25 scores of all passages (bm25s: Lucene's form, k1 1.5, b 0.75, English stop words left out)."""
        import bm25s
        import numpy as np

        words = bm25s.tokenize([query], return_ids=False, show_progress=False)[0]
        known = [word for word in words if self._bm25 and word in self._bm25.vocab_dict]
        return self._bm25.get_scores(known) if known else np.zeros(len(self.chunks), np.float32)

    def dense(self, query: np.ndarray) -> np.ndarray:
        """Cosines of all passages; -1 for those that an approximate search (above MANY_CHUNKS) did not come near."""
        import numpy as np

        if self.vectors is None:
            raise BrokenEnvironment("this index holds no vectors")
        if len(self.chunks) <= MANY_CHUNKS:
            products: np.ndarray = self.vectors @ query
            return products
        cosines, places = self._faiss.search(query[None], FAISS_IN_VIEW)
        scores = np.full(len(self.chunks), -1.0, np.float32)
        scores[places[0][places[0] >= 0]] = cosines[0][places[0] >= 0]
        return scores

    @cached_property
    def _bm25(self) -> Any:
        import bm25s

        words = bm25s.tokenize([searched_text(chunk) for chunk in self.chunks], return_ids=False, show_progress=False)
        index = bm25s.BM25()
        if any(words):
            index.index(words, show_progress=False)
        return index if any(words) else None

    @cached_property
    def _faiss(self) -> Any:
        try:
            import faiss
        except ImportError:
            hint = "pip install 'rung[faiss]', or let the retrieval rung search by words alone (modes: [lexical])."
            raise BrokenEnvironment(f"dense search over more than {MANY_CHUNKS:,} passages needs faiss", hint=hint) from None
        assert self.vectors is not None
        index = faiss.IndexHNSWFlat(self.vectors.shape[1], FAISS_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = FAISS_IN_VIEW
        index.add(self.vectors)
        return index


def searched_text(chunk: Mapping[str, Any]) -> str:
    """What a passage is found by: the headings above it, and its text."""
    return "\n".join([" > ".join(chunk["headings"]), chunk["text"]]) if chunk["headings"] else chunk["text"]


def store_index(chunks: Sequence[Mapping[str, Any]], encoder: Encoder | None, blobs: Blobs, progress: Progress) -> str:
    """The digest under which the index of these passages is kept. Vectors that are known already are not computed again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (canonical_json(dict(chunk)) + "\n" for chunk in chunks)
        (folder / "chunks.jsonl").write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
        if encoder:
            import numpy as np

            np.save(folder / "vectors.npy", encoder.embed([searched_text(chunk) for chunk in chunks], progress))
            (folder / "encoder.txt").write_text(encoder.reference, "utf-8")
        return blobs.put_tree(folder)


@lru_cache(maxsize=4)
def _read(folder: Path) -> Index:
    lines = (folder / "chunks.jsonl").read_bytes().decode("utf-8", "surrogatepass").split("\n")
    vectors = None
    if (folder / "vectors.npy").exists():
        import numpy as np

        vectors = np.load(folder / "vectors.npy", allow_pickle=False)
    return Index(chunks=tuple(json.loads(line) for line in lines if line), vectors=vectors)
