"""Rows that a tiny model can learn in seconds, and the same computation by PEFT and transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.model import LocalModel
from rung.engine.local.weights import load_weights
from rung.train.config import TrainConfig
from rung.train.dev import Asked, Best
from rung.train.rows import EncodedRow, TrainRow

SYSTEM = {"role": "system", "content": "Answer with one word: positive or negative."}
GOOD = ("great phone", "I love it", "five stars", "thank you so much", "works great", "the best team")
BAD = ("worst service", "it is broken", "charger is missing", "nobody answers", "late again", "please refund")
FACTS = {"base": "tiny@sha256:0", "data": "toy"}


def toy_rows(count: int = 24) -> list[TrainRow]:
    """Messages of several lengths whose words give the answer away."""
    rows = []
    for index in range(count):
        words, answer = (GOOD, "positive") if index % 2 else (BAD, "negative")
        text = f"{words[index // 2 % 6]}, order {index}{', my friend' * (index % 5)}"
        rows.append(TrainRow(messages=(SYSTEM, {"role": "user", "content": text}), answer=answer))
    return rows


def settings(method: str = "lora", **others: object) -> TrainConfig:
    """A run of supervised fine-tuning."""
    return TrainConfig.read({"method": method, "objective": "sft", **others})


def load(folder: Path) -> LocalModel:
    """The tiny model in float32."""
    from transformers import AutoTokenizer

    config, cpu = DecoderConfig.read(folder), torch.device("cpu")
    decoder = FusedDecoder(config, load_weights(folder, config, torch.float32, cpu))
    return LocalModel(folder=folder, tokenizer=AutoTokenizer.from_pretrained(str(folder)), decoder=decoder)


def reference_loss(module: torch.nn.Module, rows: list[EncodedRow]) -> torch.Tensor:
    """Mean over all supervised tokens, each row run alone and unpadded through a transformers model."""
    losses = []
    for row in rows:
        ids = torch.tensor([row.ids])
        scores = module(input_ids=ids).logits[0, row.start - 1 : -1]
        losses.append(torch.nn.functional.cross_entropy(scores, ids[0, row.start :], reduction="none"))
    return torch.cat(losses).mean()


class Told:
    """A Dev that is always asked, on one row: scores as told, of a folder."""

    least = 0

    def __init__(self, score: Callable[[Path], float]) -> None:
        self._score, self._known = score, {}

    def __call__(self, folder: Path, best: Best | None, rows: int) -> Asked:
        mine, theirs = self.of(folder), self.of(best.folder) if best else None
        return Asked(score=mine, best_score=theirs, better=theirs is None or mine > theirs, rows=1, asked=1)

    def of(self, folder: Path) -> float:
        """Each folder's once."""
        if folder not in self._known:
            self._known[folder] = self._score(folder)
        return self._known[folder]
