"""Full fine-tuning: every weight of the base is trained; the result is a model of its own, as large as the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.parts import Pace
from rung.rungs.asks import Foreseen
from rung.rungs.base import BuildContext
from rung.rungs.causes import SKILL
from rung.rungs.learnt_rows import learnt_rows, proposed
from rung.rungs.settings import read_settings
from rung.rungs.training import fine_tune, foresee_training, train_config, training_start
from rung.sources.base import BaseReference
from rung.types import Candidate, Example, Task

TITLE = "full fine-tuning"
UNDO = "point the name at the version before and load the base again: this model shares nothing with it"
ORDER = 50
MENDS = (SKILL,)
NEEDS_WEIGHTS = True
# It has a learning curve: `rung forecast` builds it on subsets of train.
LEARNS = True
METHOD, OBJECTIVE = "full", "sft"


class Config(BaseModel):
    """The training. A learning rate of None is the method's default, `train_rows` None what can be trained on in minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: float = Field(default=2, gt=0)
    batch_rows: int = Field(default=16, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    max_tokens: int = Field(default=2048, ge=8)
    patience: int = Field(default=3, ge=1)
    dev_rows: int = Field(default=200, ge=10)
    train_rows: int | None = Field(default=None, ge=1)


def applies(task: Task) -> str:
    """Any task whose base's weights are here."""
    return ""


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """Training, and dev after every half of an epoch."""
    config = read_settings(task, "r5_full", Config)
    training = train_config(task, config, method=METHOD, objective=OBJECTIVE)
    return foresee_training("r5_full", task, parent, context, training, config.dev_rows)


def learnt(task: Task) -> list[Example]:
    """The rows that it learns from."""
    config = read_settings(task, "r5_full", Config)
    return learnt_rows(task, config.train_rows, config.epochs)


def propose(rows: Sequence[Example], classes: Mapping[str, int], pace: Pace) -> dict[str, Any]:
    """How many rows to learn from, where the machine is not the usual one."""
    return proposed(rows, Config().epochs, pace)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Train every weight on the same rows, prompt and constraint as the adapter."""
    config = read_settings(task, "r5_full", Config)
    start = training_start("r5_full", task, parent, context, config.dev_rows)
    return fine_tune(
        task,
        start,
        train_config(task, config, method=METHOD, objective=OBJECTIVE),
        _on,
        context,
        dev_rows=config.dev_rows,
        parent=parent,
    )


def _on(candidate: Candidate, digest: str) -> Candidate:
    return replace(candidate, base=str(replace(BaseReference.tree(digest), weights=candidate.base_reference.weights)))
