"""Domain language: how much harder the base finds the task's own text than everyday text, in bits per byte. It only reports.

Far above everyday text, and still failing with the right passage before it: then the base does not know the language itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.climb.diagnosis.case import Case, Evidence
from rung.data.sample import draw
from rung.engine.linear import question_text
from rung.rungs.documents import documents_of
from rung.types import Task

TITLE = "the task's language against everyday language"
CAUSE = None
# Everyday English, written for this purpose, so that no base can have read it.
EVERYDAY = (
    "The bus was late again this morning, so I walked the last two stops and bought a coffee on the way. My sister called while I "
    "was waiting at the crossing; she wanted to know whether the children could stay with us over the weekend.",
    "When the rain stopped we opened the windows and carried the table out into the garden. Somebody had left a pair of gloves on "
    "the context, and the neighbour's cat was asleep on top of them.",
    "He had meant to repair the fence before winter, but there was always something else to do: the roof, the car, a letter to the "
    "bank. In the end he asked a friend for help, and they finished it in an afternoon.",
    "The shop on the corner sells bread, newspapers and a few vegetables. It closes at six, although the owner will usually open "
    "the door once more if you knock and look hungry enough.",
)


class Config(BaseModel):
    """`texts` of the task, of at most `bytes_each` bytes, are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: int = Field(default=12, ge=1)
    bytes_each: int = Field(default=600, ge=50)


def applies(task: Task) -> str:
    """Needs the base's probabilities."""
    return "the base does not say how likely it finds a text" if task.base_reference.why_not_trainable else ""


def probe(case: Case, config: Config) -> Evidence:
    """Bits per byte of the documents where there are any, else of the questions; and of everyday text."""
    from rung.engine.local.model import trainable_model

    model = trainable_model(case.context.runtime.backend_for(case.task.base))
    own = bits_per_byte(model, _own_texts(case, config))
    if own is None:
        return Evidence(reason="the task has no text of two tokens or more")
    everyday = bits_per_byte(model, EVERYDAY)
    said = f"The task's own text takes the base {own:.2f} bits per byte, everyday text {everyday:.2f}."
    return Evidence(facts={"task_bits_per_byte": own, "everyday_bits_per_byte": everyday}, said=(said,))


def _own_texts(case: Case, config: Config) -> list[str]:
    task = case.task
    if task.knowledge:
        texts = [document.parsed.text for document in documents_of(task, case.context.progress).documents]
    else:
        texts = [question_text(row) for row in task.split("train") or task.split("dev")]
    found = [
        text.strip().encode("utf-8", "ignore")[: config.bytes_each].decode("utf-8", "ignore") for text in texts if text.strip()
    ]
    return draw(found, config.texts, task.seed, key=str)


def bits_per_byte(model: Any, texts: Sequence[str]) -> float | None:
    """The base's cross-entropy of texts, each read by itself from its first token, over their bytes; model is a LocalModel.

    None where no text has a second token to predict.
    """
    from rung.engine.local.likelihood import negative_log_likelihood

    nats, read = 0.0, 0
    for text in texts:
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"][: model.config.max_positions]
        if len(ids) < 2:
            continue
        nats += negative_log_likelihood(model.decoder, ids)
        read += len(model.tokenizer.decode(ids[1:]).encode("utf-8"))
    return nats / math.log(2) / read if read else None
