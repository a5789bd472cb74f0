"""Adapter: LoRA on every linear layer of the frozen base, trained on the completions alone, stopped by the score on dev."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.rungs.base import BuildContext
from rung.rungs.causes import SKILL
from rung.rungs.settings import read_settings
from rung.rungs.training import fine_tune, forecast_training, training_start
from rung.types import Candidate, Task

TITLE = "LoRA adapter"
UNDO = "point the name at the version before: the base is untouched, the adapter is a file beside it"
ORDER = 40
MENDS = (SKILL,)
NEEDS_WEIGHTS = True
# It has a learning curve: `rung forecast` builds it on subsets of train.
LEARNS = True


class Config(BaseModel):
    """The adapter and its training. A learning rate of None is the method's default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(default=16, ge=1, le=512)
    alpha: float = Field(default=32.0, gt=0)
    epochs: float = Field(default=2, gt=0)
    batch_rows: int = Field(default=16, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    max_tokens: int = Field(default=2048, ge=8)
    patience: int = Field(default=3, ge=1)
    dev_rows: int = Field(default=200, ge=10)


def applies(task: Task) -> str:
    """Any task whose base's weights are here."""
    return ""


def forecast(task: Task, speeds: Any) -> tuple[float | None, int | None]:
    """Training, dev scores and the gate."""
    return forecast_training(task, speeds, "lora", read_settings(task, "r4_adapter", Config))


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Train on the user's own instruction: the demonstrations and generated instructions of the rung below become weights."""
    config = read_settings(task, "r4_adapter", Config)
    start = training_start("r4_adapter", task, parent, context, config.dev_rows)
    settings = config.model_dump(exclude_none=True) | {"method": "lora"}
    return fine_tune(task, start, settings, lambda candidate, digest: replace(candidate, adapters=(digest,)), context, parent)
