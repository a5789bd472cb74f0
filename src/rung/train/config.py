"""How a training run goes: what its user may set, with the defaults that hold for small bases and a few hundred rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rung import plugins
from rung.errors import UserError, did_you_mean


class TrainConfig(BaseModel):
    """Settings of one training run. Everything but `checkpoint_s` is part of what the result depends on.

    method           a plug-in of `train/methods`
    objective        a plug-in of `train/objectives`
    epochs           passes over the rows; a fraction ends within one
    learning_rate    the peak; None takes the method's own
    rank, alpha      of the low-rank update, which is scaled by alpha / rank
    batch_rows       rows an optimizer step
    warmup_share     share of the steps over which the rate rises; then a cosine falls to a tenth
    clip_norm        the gradient's largest norm
    max_tokens       longest row, prompt and answer; None is the base's context
    too_long         what to do about longer rows: an error, or drop them and say so
    dev_every        share of an epoch between two dev scores
    patience         dev scores in a row without a new best that end the run
    tokens_per_pass  most tokens, padding included, in one forward pass: bounds memory and changes nothing else
    checkpoint_s     seconds between two checkpoints
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = "lora"
    objective: str = "sft"
    epochs: float = Field(2.0, gt=0, allow_inf_nan=False)
    learning_rate: float | None = Field(None, gt=0, le=1)
    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0, allow_inf_nan=False)
    batch_rows: int = Field(16, ge=1)
    warmup_share: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    clip_norm: float = Field(1.0, gt=0, allow_inf_nan=False)
    seed: int = Field(0, ge=0)
    max_tokens: int | None = Field(None, ge=2)
    too_long: Literal["error", "drop"] = "error"
    dev_every: float = Field(0.5, gt=0, allow_inf_nan=False)
    patience: int = Field(3, ge=1)
    tokens_per_pass: int = Field(1024, ge=1)
    checkpoint_s: float = Field(60.0, ge=0)

    @field_validator("method")
    @classmethod
    def _known_method(cls, name: str) -> str:
        return _known("methods", name)

    @field_validator("objective")
    @classmethod
    def _known_objective(cls, name: str) -> str:
        return _known("objectives", name)

    @classmethod
    def read(cls, settings: Mapping[str, Any], where: str = "") -> TrainConfig:
        """From a task file's settings. Raises UserError naming every unknown key and bad value at once."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            problems = "; ".join(_describe(fault) for fault in error.errors())
            raise UserError(f"the training settings are wrong: {problems}", where=where) from None

    def identity(self) -> dict[str, Any]:
        """The settings that the result depends on, as JSON values."""
        return self.model_dump(exclude={"checkpoint_s"})


def _known(slot: str, name: str) -> str:
    if name not in plugins.names(slot):
        raise ValueError(f"'{name}' is not known. {did_you_mean(name, plugins.names(slot))}")
    return name


def _describe(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{key}'. {did_you_mean(key, TrainConfig.model_fields)}"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')} (it is {fault['input']!r})"
