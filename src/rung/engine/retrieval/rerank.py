"""Rerankers: how well a passage answers a question, by a cross-encoder that reads both at once (Nogueira & Cho, 2019).

Any folder that transformers loads as a sequence classifier will do, so any of sentence-transformers' cross-encoders. A question's
passages are read as one batch: its last bits depend on the passages, which the index and the question settle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.retrieval.encoders import load_transformer, open_folder
from rung.errors import UserError
from rung.types import Progress

if TYPE_CHECKING:
    import numpy as np

# What is read where neither the tokenizer nor the model says how much it can take.
LONGEST_TOKENS = 512
# What transformers' tokenizers say where they were told no length.
_NO_LENGTH = 1_000_000


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
    settled, folder = open_folder(reference, home, progress, "reranker")
    return Reranker(reference=settled, score=_CrossEncoder(folder))


class _CrossEncoder:
    """One logit, or the second of two less the first: the log-odds of "it answers"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        tokenizer, model, missing = load_transformer(self.folder, "AutoModelForSequenceClassification", "reranker")
        if model.config.num_labels > 2:
            problem = f"this classifier tells {model.config.num_labels} classes apart: a reranker has one score"
            raise UserError(problem, where=str(self.folder), hint="Name a cross-encoder made for ranking.")
        if missing:
            # transformers fills what is missing with random numbers.
            problem = f"the folder holds no whole classifier: {missing[0]} is missing"
            raise UserError(problem, where=str(self.folder), hint="Name a cross-encoder, not an encoder.")
        room = getattr(model.config, "max_position_embeddings", None) or LONGEST_TOKENS
        told = tokenizer.model_max_length
        return tokenizer, model, min(room, told if told and told < _NO_LENGTH else LONGEST_TOKENS)

    def __call__(self, question: str, passages: Sequence[str]) -> np.ndarray:
        import numpy as np
        import torch

        if not passages:
            return np.zeros(0, np.float32)
        tokenizer, model, longest = self._loaded
        pairs = [question] * len(passages), list(passages)
        tokens = tokenizer(*pairs, padding=True, truncation="longest_first", max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**tokens).logits.float()
        scores: np.ndarray = (logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]).numpy()
        return scores
