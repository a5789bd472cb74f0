"""Adapter: LoRA on every linear layer of the frozen base, trained on the completions alone, stopped by the score on dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rung import plugins
from rung.errors import did_you_mean
from rung.parts import Pace
from rung.rungs.asks import Foreseen
from rung.rungs.base import BuildContext
from rung.rungs.causes import SKILL
from rung.rungs.learnt_rows import learnt_rows, proposed
from rung.rungs.settings import read_settings
from rung.rungs.training import fine_tune, foresee_training, train_config, training_start, with_method
from rung.types import Candidate, Example, Task

TITLE = "LoRA adapter"
UNDO = "point the name at the version before: the base is untouched, the adapter is a file beside it"
ORDER = 40
MENDS = (SKILL,)
NEEDS_WEIGHTS = True
# It has a learning curve: `rung forecast` builds it on subsets of train.
LEARNS = True
OBJECTIVE = "sft"


class Config(BaseModel):
    """The training. `method` is a kind of adapter: its own settings stand beside these, and it has a learning rate of its own.

    `train_rows`: how many rows of train are learnt from at most; None is what can be trained on in minutes (`learnt_rows`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = "lora"
    epochs: float = Field(default=2, gt=0)
    batch_rows: int = Field(default=16, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    max_tokens: int = Field(default=2048, ge=8)
    patience: int = Field(default=3, ge=1)
    dev_rows: int = Field(default=200, ge=10)
    train_rows: int | None = Field(default=None, ge=1)

    @field_validator("method")
    @classmethod
    def _known(cls, name: str) -> str:
        known = plugins.names("adapter_kinds")
        if name not in known:
            raise ValueError(f"no kind of adapter is called '{name}'. {did_you_mean(name, known)}")
        return name


def config_for(given: Mapping[str, Any]) -> type[Config]:
    """Config, with the settings of the method that these name."""
    return with_method(Config, given)


def applies(task: Task) -> str:
    """Any task whose base's weights are here."""
    return ""


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """Training, and dev after every half of an epoch."""
    config = _settings(task)
    training = train_config(task, config, objective=OBJECTIVE)
    return foresee_training("r4_adapter", task, parent, context, training, config.dev_rows)


def learnt(task: Task) -> list[Example]:
    """The rows that it learns from."""
    config = _settings(task)
    return learnt_rows(task, config.train_rows, config.epochs)


def propose(rows: Sequence[Example], classes: Mapping[str, int], pace: Pace) -> dict[str, Any]:
    """How many rows to learn from, where the machine is not the usual one."""
    return proposed(rows, Config().epochs, pace)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Train on the user's own instruction: the demonstrations and generated instructions of the rung below become weights."""
    config = _settings(task)
    start = training_start("r4_adapter", task, parent, context, config.dev_rows)
    return fine_tune(
        task,
        start,
        train_config(task, config, objective=OBJECTIVE),
        lambda candidate, digest: replace(candidate, adapters=(*candidate.adapters, digest)),
        context,
        dev_rows=config.dev_rows,
        parent=parent,
    )


def _settings(task: Task) -> Config:
    return read_settings(task, "r4_adapter", config_for(task.settings.get("r4_adapter", {})))
