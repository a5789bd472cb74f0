"""How a training run goes: what its user may set, with the defaults that hold for small bases and a few hundred rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from rung import plugins
from rung.errors import UserError, did_you_mean
from rung.train.method import method_names, method_of

Part = TypeVar("Part", bound=BaseModel)


class Shared(BaseModel):
    """What every run may set, whatever its method and objective. The result depends on all of it but `checkpoint_s`.

    method           a file of `train/methods`, or a kind of adapter
    objective        a plug-in of `train/objectives`
    epochs           passes over the rows; a fraction ends within one
    learning_rate    the peak; None takes the method's own
    batch_rows       rows an optimizer step
    warmup_share     share of the steps over which the rate rises; then a cosine falls to a tenth
    clip_norm        the gradient's largest norm
    max_tokens       longest row, prompt and answer; None is the base's context
    too_long         what to do about longer rows: an error, or drop them and say so
    dev_every        share of an epoch between two turns of dev, which is asked if that takes less than a tenth of the steps so far
    patience         turns of dev in a row without a new best that end the run
    tokens_per_pass  most tokens, padding included, in one forward pass: bounds memory and changes nothing else
    checkpoint_s     seconds between two checkpoints
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    objective: str
    epochs: float = Field(2.0, gt=0, allow_inf_nan=False)
    learning_rate: float | None = Field(None, gt=0, le=1)
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
        return _known(name, method_names())

    @field_validator("objective")
    @classmethod
    def _known_objective(cls, name: str) -> str:
        return _known(name, plugins.names("objectives"))


class TrainConfig(Shared):
    """Settings of one training run: what all runs share, and those of its method and of its objective, each of its own Config."""

    method_settings: BaseModel
    objective_settings: BaseModel

    @classmethod
    def read(cls, settings: Mapping[str, Any], where: str = "") -> TrainConfig:
        """From one flat mapping that names both. Raises UserError naming every unknown key and bad value at once."""
        methods, objectives = _configs(settings)
        bases: tuple[type[BaseModel], ...] = (Shared, *methods, *objectives)
        kind = cast(type[BaseModel], create_model("Settings", __base__=bases))
        try:
            flat = kind.model_validate(dict(settings))
        except ValidationError as error:
            problems = "; ".join(_describe(fault, kind) for fault in error.errors())
            raise UserError(f"the training settings are wrong: {problems}", where=where) from None
        own = {"method_settings": _part(flat, methods[0]), "objective_settings": _part(flat, objectives[0])}
        return cls(**own, **{name: getattr(flat, name) for name in Shared.model_fields})

    def identity(self) -> dict[str, Any]:
        """The settings that the result depends on, as JSON values.

        Of method and objective only what is set: a setting that they come to have later changes no run that does not use it.
        """
        shared = {name: getattr(self, name) for name in Shared.model_fields if name != "checkpoint_s"}
        dumped = self.method_settings.model_dump(mode="json") | self.objective_settings.model_dump(mode="json")
        return {**shared, **{name: value for name, value in dumped.items() if value is not None and value is not False}}


def _configs(settings: Mapping[str, Any]) -> tuple[list[type[BaseModel]], list[type[BaseModel]]]:
    """The Config of the method and that of the objective; of each that is not known all there are, so that no key of theirs is."""
    methods, objectives = method_names(), plugins.names("objectives")
    method, objective = settings.get("method"), settings.get("objective")
    return (
        [method_of(name).Config for name in ((method,) if method in methods else methods)],
        [plugins.load("objectives", name).Config for name in ((objective,) if objective in objectives else objectives)],
    )


def _part(flat: BaseModel, kind: type[Part]) -> Part:
    return kind.model_validate({name: getattr(flat, name) for name in kind.model_fields})


def _known(name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise ValueError(f"'{name}' is not known. {did_you_mean(name, names)}")
    return name


def _describe(fault: Any, kind: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{key}'. {did_you_mean(key, kind.model_fields)}"
    if fault["type"] == "missing":
        return f"'{key}' is missing"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')} (it is {fault['input']!r})"
