"""The index of documents: a stored folder of passages and, for dense search, their vectors. Equal content, equal digest."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.retrieval.lexical import Lexical, lexical
from rung.engine.retrieval.pipeline import SIMILARITIES, Similarity
from rung.engine.retrieval.words import FIRST, VERSION
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
_WORDS_FILE, _SIMILARITY_FILE = "words.txt", "similarity.txt"


@dataclass(frozen=True, kw_only=True)
class Index:
    """Passages ({id, source, headings, start, end, text}) and, where there is an encoder, (passages, dimensions) vectors of theirs.

    `similarity` is how two vectors are compared, `words` the version of `rung.engine.retrieval.words` that they are searched by.
    """

    chunks: tuple[Mapping[str, Any], ...]
    vectors: np.ndarray | None = None
    words: str = VERSION
    similarity: Similarity = "cosine"

    @classmethod
    def read(cls, folder: Path) -> Index:
        """The index in a blob, read once for each path: a blob never changes."""
        return _read(folder)

    def lexical(self, query: str) -> np.ndarray:
        """(passages,) BM25 scores: `rung.engine.retrieval.lexical`."""
        return self.searcher.scores(query)

    @cached_property
    def firsts(self) -> np.ndarray:
        """(passages,) whether no passage before one says the same under the same headings."""
        import numpy as np

        return np.array([copies[0] == place for place, copies in enumerate(self._equal)], bool)

    def passage(self, place: int) -> Mapping[str, Any]:
        """A passage; where others say the same, `copies` are their sources and characters."""
        chunk, others = self.chunks[place], self._equal[place][1:]
        if not others:
            return chunk
        return {**chunk, "copies": [{key: self.chunks[other][key] for key in ("source", "start", "end")} for other in others]}

    def dense(self, query: np.ndarray) -> np.ndarray:
        """(passages,) how near each is: the cosine, the product, or the distance below zero; minus infinity for those that an
        approximate search (above MANY_CHUNKS) did not come near."""
        import numpy as np

        if self.vectors is None:
            raise BrokenEnvironment("this index holds no vectors")
        if self.vectors.shape[1:] != query.shape:
            problem = f"the encoder gives {query.shape[0]} numbers, and this index holds {self.vectors.shape[1]} for each passage"
            raise BrokenEnvironment(problem, hint="Run the climb again.")
        if len(self.chunks) <= MANY_CHUNKS:
            return self._compared(query)
        near, places = self._faiss.search(query[None], FAISS_IN_VIEW)
        # faiss gives distances themselves, the Euclidean ones squared.
        told = {"euclidean": -np.sqrt(np.maximum(near[0], 0)), "manhattan": -near[0]}.get(self.similarity, near[0])
        scores = np.full(len(self.chunks), -np.inf, np.float32)
        scores[places[0][places[0] >= 0]] = told[places[0] >= 0]
        return scores

    def _compared(self, query: np.ndarray) -> np.ndarray:
        import numpy as np

        assert self.vectors is not None
        if self.similarity in ("cosine", "dot"):
            products: np.ndarray = self.vectors @ query
            return products
        order = 2 if self.similarity == "euclidean" else 1
        distances: np.ndarray = -np.linalg.norm(self.vectors - query, ord=order, axis=1)
        return distances

    @cached_property
    def searcher(self) -> Lexical:
        """Lexical search over the passages."""
        return lexical([searched_text(chunk) for chunk in self.chunks], self.words)

    @cached_property
    def _equal(self) -> list[list[int]]:
        """For each passage the places of all that say the same, itself among them."""
        groups: dict[str, list[int]] = {}
        return [_grouped(groups, same_text(chunk), place) for place, chunk in enumerate(self.chunks)]

    @cached_property
    def _faiss(self) -> Any:
        try:
            import faiss
        except ImportError:
            hint = "pip install 'rung[faiss]', or let the retrieval rung search by words alone (modes: [lexical])."
            raise BrokenEnvironment(f"dense search over more than {MANY_CHUNKS:,} passages needs faiss", hint=hint) from None
        assert self.vectors is not None
        metric = {"euclidean": faiss.METRIC_L2, "manhattan": faiss.METRIC_L1}.get(self.similarity, faiss.METRIC_INNER_PRODUCT)
        index = faiss.IndexHNSWFlat(self.vectors.shape[1], FAISS_LINKS, metric)
        index.hnsw.efSearch = FAISS_IN_VIEW
        index.add(self.vectors)
        return index


def searched_text(chunk: Mapping[str, Any]) -> str:
    """What a passage is found by: the headings above it, and its text."""
    return "\n".join([" > ".join(chunk["headings"]), chunk["text"]]) if chunk["headings"] else chunk["text"]


def same_text(chunk: Mapping[str, Any]) -> str:
    """Equal for passages that say the same under the same headings: their spaces, widths and case may differ."""
    return " ".join(unicodedata.normalize("NFKC", searched_text(chunk)).casefold().split())


def _grouped(groups: dict[str, list[int]], key: str, place: int) -> list[int]:
    group = groups.setdefault(key, [])
    group.append(place)
    return group


def store_index(chunks: Sequence[Mapping[str, Any]], encoder: Encoder | None, blobs: Blobs, progress: Progress) -> str:
    """The digest under which the index of these passages is kept. Vectors that are known already are not computed again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (canonical_json(dict(chunk)) + "\n" for chunk in chunks)
        (folder / "chunks.jsonl").write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
        (folder / _WORDS_FILE).write_text(VERSION, "utf-8")
        if encoder:
            import numpy as np

            np.save(folder / "vectors.npy", encoder.embed([searched_text(chunk) for chunk in chunks], progress))
            (folder / "encoder.txt").write_text(encoder.reference, "utf-8")
            if encoder.similarity != "cosine":
                (folder / _SIMILARITY_FILE).write_text(encoder.similarity, "utf-8")
        return blobs.put_tree(folder)


@lru_cache(maxsize=4)
def _read(folder: Path) -> Index:
    lines = (folder / "chunks.jsonl").read_bytes().decode("utf-8", "surrogatepass").split("\n")
    vectors = None
    if (folder / "vectors.npy").exists():
        import numpy as np

        vectors = np.load(folder / "vectors.npy", allow_pickle=False)
    named = folder / _WORDS_FILE
    words = named.read_text("utf-8") if named.exists() else FIRST
    compared = folder / _SIMILARITY_FILE
    told = compared.read_text("utf-8") if compared.exists() else ""
    similarity = next((known for known in SIMILARITIES if known == told), SIMILARITIES[0])
    return Index(chunks=tuple(json.loads(line) for line in lines if line), vectors=vectors, words=words, similarity=similarity)
