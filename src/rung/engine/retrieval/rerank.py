"""Rerankers: how well a passage answers a question, by a cross-encoder that reads both at once (Nogueira & Cho, 2019).

Any folder that transformers loads as a sequence classifier will do, so any of sentence-transformers' cross-encoders of that kind.
The activation that such a folder names is left out: it changes no order, and rounds the best scores to one and the same. A
question's passages are read as one batch: its last bits depend on the passages, which the index and the question settle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.retrieval.encoders import open_reranking_folder
from rung.engine.retrieval.pipeline import named_steps, prompts_of, read_config, settings_file
from rung.engine.retrieval.sentence import load_transformer, longest_input
from rung.errors import UserError
from rung.types import Progress

if TYPE_CHECKING:
    import numpy as np

_SETTINGS = "config_sentence_transformers.json"


@dataclass(frozen=True, kw_only=True)
class Reranker:
    """A loaded cross-encoder.

    reference  what the user wrote, with @sha256: and the digest over every file that changes a score
    score      (question, passages) -> (passages,) float32, larger is nearer
    """

    reference: str
    score: Callable[[str, Sequence[str]], np.ndarray]


def open_reranker(reference: str, home: Path, progress: Progress | None = None) -> Reranker:
    """The reranker that `reference` names, written as an encoder is (`encoders.open_encoder`). Its weights are read at first use.

    Raises UserError (no reranker there, or another one than its pin says) and BrokenEnvironment.
    """
    settled, folder = open_reranking_folder(reference, home, progress)
    _refuse_strange(folder)
    return Reranker(reference=settled, score=_CrossEncoder(folder))


def _refuse_strange(folder: Path) -> None:
    """Raises UserError for what scores in another way than by a classifier."""
    for named in named_steps(folder):
        if named.rpartition(".")[2] != "Transformer":
            problem = f"its step {named.rpartition('.')[2]} is not computed here: a reranker is one classifier"
            raise UserError(problem, where=str(folder / "modules.json"), hint="Name a cross-encoder made for ranking.")
    name = settings_file(folder)
    if (task := read_config(folder, name).get("transformer_task")) not in (None, "sequence-classification"):
        problem = f"its transformer is made for {task}, not for classes"
        raise UserError(problem, where=str(folder / name), hint="Name a cross-encoder made for ranking.")


class _CrossEncoder:
    """One logit, or the second of two less the first: the log-odds of "it answers"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = read_config(folder, _SETTINGS)
        prompts_of(settings, str(folder / _SETTINGS))
        # Of a pair only the question gets it, as in sentence-transformers.
        self.prompt = (settings.get("prompts") or {}).get(settings.get("default_prompt_name")) or ""
        self.told = read_config(folder, settings_file(folder)).get("max_seq_length")

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int | None]:
        tokenizer, model, missing = load_transformer(self.folder, "AutoModelForSequenceClassification", "reranker")
        if model.config.num_labels > 2:
            problem = f"this classifier tells {model.config.num_labels} classes apart: a reranker has one score"
            raise UserError(problem, where=str(self.folder), hint="Name a cross-encoder made for ranking.")
        if missing:
            # transformers fills what is missing with random numbers.
            problem = f"the folder holds no whole classifier: {missing[0]} is missing"
            raise UserError(problem, where=str(self.folder), hint="Name a cross-encoder, not an encoder.")
        return tokenizer, model, longest_input(tokenizer, model, self.told)

    def __call__(self, question: str, passages: Sequence[str]) -> np.ndarray:
        import numpy as np

        tokenizer, model, _ = self._loaded
        # A decoder finds a text's end by its padding: without a token for it, each is read alone.
        together = tokenizer.pad_token_id is not None and model.config.pad_token_id is not None
        size = max(len(passages), 1) if together else 1
        batches = [self._read(question, passages[start : start + size]) for start in range(0, len(passages), size)]
        scores: np.ndarray = np.concatenate(batches) if batches else np.zeros(0, np.float32)
        return scores

    def _read(self, question: str, passages: Sequence[str]) -> np.ndarray:
        import torch

        tokenizer, model, longest = self._loaded
        pairs = [self.prompt + question] * len(passages), list(passages)
        cut: dict[str, Any] = {"truncation": "longest_first", "max_length": longest} if longest else {}
        tokens = tokenizer(*pairs, padding=len(passages) > 1, return_tensors="pt", **cut)
        with torch.inference_mode():
            logits = model(**tokens).logits.float()
        scores: np.ndarray = (logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]).numpy()
        return scores
