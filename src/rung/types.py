"""The nouns that flow through every layer: Example, Task, Candidate, Run, Verdict.

All are frozen, keyword-only dataclasses of plain JSON values, so that each can be hashed, stored, replayed and compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

from rung.json_form import LEFT_OUT, as_json, digest
from rung.line import Serving
from rung.parts import Calibration, Constraint, Demonstrations, Gold, Knowledge, ProbeSettings, Retrieval, ToolSet, ToolUse
from rung.sources.base import BaseReference

Message = Mapping[str, Any]
Origin = Literal["human", "log", "synthetic", "augmented"]
Status = Literal["pass", "fail", "undecided"]
Unit = Literal["share", "points", "number"]
Severity = Literal["info", "warning", "error"]
SPLITS = ("train", "dev", "test")
# Why an answer ended, beside `stop`: at the limit of tokens, at a filter, since the server failed, refused, or sent no text.
CUT_OFF, WITHHELD, FAILED, REFUSED, SILENT, UNHELD = "length", "content_filter", "error", "refused", "silent", "unheld"
# Metrics that are not told in percent.
NUMBERS = ("matthews", "spearman", "ece", "brier")
OUTSIDE = ("examples", "path", "traffic", "findings", "base_name", "base_adapter", "in_flight", "batch", "serving")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row in the OpenAI message format.

    `messages` is the conversation up to, not including, the answer. `target` is what the scorer compares the answer with:
    any JSON value, None where the row has none. Rows of one `group` (customer, document, template) never straddle splits.
    `source` says where the row stood: `file:line`.

    gold      the documents, or places in them, that hold the answer; empty where the row names none
    calls     the tool calls that lead to the target; None where the row does not say, empty where none is needed
    repeats   targets of rows that asked the same and were left out
    shown     the passages that the answer was asked to cite
    rejected  the worse answer of a preference row
    said      the text that stood where no call was right
    slices    the row's own values in the columns that some bar's `where` names
    judged_by  what the row itself says of how an answer to it is judged, such as tests that it must pass: column -> value
    """

    id: str
    messages: tuple[Message, ...]
    target: Any = None
    tools: tuple[Mapping[str, Any], ...] = ()
    group: str = ""
    origin: Origin = "human"
    source: str = ""
    split: str = ""
    gold: tuple[Gold, ...] = ()
    calls: tuple[Mapping[str, Any], ...] | None = None
    repeats: tuple[Any, ...] = ()
    shown: tuple[Mapping[str, Any], ...] = ()
    rejected: Any = None
    said: str | None = None
    slices: Mapping[str, Any] = field(default_factory=dict)
    judged_by: Mapping[str, Any] | None = field(default=None, metadata=LEFT_OUT)

    @cached_property
    def digest(self) -> str:
        """Identity of what is asked and expected, wherever the row stands and whatever it is called."""
        judged_by = [] if self.judged_by is None else [dict(self.judged_by)]
        return digest([list(self.messages), self.target, list(self.tools), *judged_by])

    @cached_property
    def question_digest(self) -> str:
        """Identity of what is asked alone."""
        return digest([list(self.messages), list(self.tools)])


@dataclass(frozen=True, kw_only=True)
class Score:
    """One scorer's word on one answer. `value` is in [0, 1]; None says that it could not be scored: counted, never zero."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One thing that a Candidate must show: a scorer, its settings, and exactly one of the four kinds of bar.

    where    which rows it is about: column (or `target`, `answer`) to what its value must be; all where it is empty
    metric   what is made of the rows (`rung.verify.metrics`), the mean score where it is empty; `of` is its class, `k` of pass@k
    cost     what an error costs, `target->answer` to its cost: the bar is on the mean cost of a row
    accepts  the kinds of near misses that may count as right (`rung.verify.near_misses`)
    """

    scorer: str
    config: Mapping[str, Any] = field(default_factory=dict)
    at_least: float | None = None
    better_than: str | None = None
    by: float = 0.0
    not_worse_than: str | None = None
    margin: float = 0.0
    accepts: tuple[str, ...] = ()
    name: str = "quality"
    at_most: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    metric: str = ""
    of: str = ""
    k: int = 0
    cost: Mapping[str, float] = field(default_factory=dict)

    @property
    def line(self) -> float:
        """What its estimate is held against: a mean score, a metric or a cost, or the difference of two means."""
        relative = self.by if self.better_than is not None else -self.margin
        return next((fixed for fixed in (self.at_least, self.at_most) if fixed is not None), relative)

    @property
    def other(self) -> str | None:
        """What a relative bar compares with."""
        return self.better_than or self.not_worse_than

    @property
    def unit(self) -> Unit:
        """What its verdict's figures are: shares, differences of shares, or numbers on a scale of their own."""
        if self.other is not None:
            return "points"
        return "number" if self.cost or self.metric in NUMBERS else "share"

    @property
    def measured(self) -> str:
        """What it is on, where that is not the mean score of all rows: `recall of spam over rows with language de`."""
        metric = "expected cost" if self.cost else f"pass@{self.k}" if self.k else self.metric.replace("_", " ")
        over = ", ".join(
            f"{key} {' or '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
            for key, value in self.where.items()
        )
        parts = (metric, f"of {self.of}" if self.of else "", f"over rows with {over}" if over else "")
        return " ".join(filter(None, parts))

    @property
    def plain(self) -> bool:
        """Whether it is on the mean score of all rows."""
        return not (self.where or self.metric or self.cost or self.at_most is not None)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an answer may cost, and what the climb may spend. None means no limit."""

    p95_latency_s: float | None = None
    tokens_per_answer: int | None = None
    minutes: float | None = None
    usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check of the data found: how bad it is, in words, in how many rows, and where the first of them stand (`file:line`).

    No field repeats a secret or a personal datum in full.
    """

    severity: Severity
    message: str
    check: str = ""
    count: int = 0
    places: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task:
    """What good means, locked before rung 0 runs. `settings` holds each rung's configuration under the rung's name.

    No part of its digest: what is OUTSIDE: `findings` of the audit; `traffic`, what break-evens are told in; `serving`. Rungs share
    alpha by `alpha_shares`. `base_adapters` (digests) are those of a registered version (`base_name`) and `base_adapter`."""

    name: str
    base: str
    instruction: str
    examples: tuple[Example, ...]
    quality: Bar
    guards: tuple[Bar, ...] = ()
    limits: Limits = Limits()
    alpha: float = 0.05
    consequence: Literal["low", "medium", "high"] = "low"
    seed: int = 0
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    traffic: Mapping[str, float] = field(default_factory=dict)
    knowledge: Knowledge | None = None
    tools: ToolSet | None = None
    probes: ProbeSettings = field(default_factory=ProbeSettings)
    path: str = ""
    findings: tuple[Finding, ...] = ()
    base_adapters: tuple[str, ...] = ()
    base_name: str = ""
    base_adapter: str = ""
    in_flight: int | None = None
    batch: bool = False
    alpha_shares: Literal["dev", "equal"] = "dev"
    serving: Serving | None = field(default=None, metadata=LEFT_OUT)

    @cached_property
    def base_reference(self) -> BaseReference:
        """What `base` names."""
        return BaseReference.read(self.base)

    @property
    def base_artefacts(self) -> tuple[str, ...]:
        """Digests of all that the base has in the blob store: a full fine-tune, adapters."""
        return (*filter(None, (self.base_reference.stored,)), *self.base_adapters)

    def split(self, name: str) -> tuple[Example, ...]:
        """The examples of one split, in the task's order."""
        return self._by_split.get(name, ())

    @cached_property
    def _by_split(self) -> dict[str, tuple[Example, ...]]:
        return {name: tuple(row for row in self.examples if row.split == name) for name in SPLITS}

    @cached_property
    def digest(self) -> str:
        """The lock: SHA-256 over every field that changes what good means, rows and splits included."""
        return self.lock_of([(row.digest, row.group, row.split, row.slices) for row in self.examples])

    def lock_of(self, rows: Iterable[tuple[str, str, str, Mapping[str, Any]]]) -> str:
        """What its digest is with these rows, each by its digest, group, split and slices: the rows themselves are not needed."""
        # Left out where there are none, so that other tasks keep the digest that they had before there could be any.
        none = [name for name, unsaid in (("base_adapters", ()), ("alpha_shares", "dev")) if getattr(self, name) == unsaid]
        fields = {f.name: _locked(getattr(self, f.name)) for f in dataclasses.fields(self) if f.name not in (*OUTSIDE, *none)}
        return digest([fields, [[name, group, split, *([dict(slices)] if slices else [])] for name, group, split, slices in rows]])


def _locked(value: Any) -> Any:
    """A field of a Task as far as it is part of the lock."""
    if isinstance(value, Bar):
        unsaid = ("accepts", *_unsaid(value))  # what is accepted of a scorer changes no score
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in unsaid}
    if isinstance(value, tuple):
        return [_locked(part) for part in value]
    if isinstance(value, Knowledge):
        return {key: part for key, part in as_json(value).items() if key not in ("source", "folder", "downloads")}
    return as_json(value)


def _unsaid(bar: Bar) -> list[str]:
    """What a bar need not say, and does not: left out of the lock, so that tasks keep the digest that they had before."""
    least = Bar(scorer="")
    return [name for name in ("at_most", "where", "metric", "of", "k", "cost") if getattr(bar, name) == getattr(least, name)]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Everything needed to answer. Every rung returns one; only Candidates are scored, registered and served.

    `base` names the model that answers: on rung 0 the linear model (`linear:<digest>`), after full fine-tuning the new model
    (`tree:<digest>`), else a language model, `<reference>@sha256:<digest>`. Files are named by the digest under which the blob
    store keeps them: the demonstrations' pool, the retrieval index, the tools' source, `adapters`.

    prompt       the system message
    max_tokens   the longest answer, in tokens
    """

    rung: str
    base: str
    template: str = ""
    prompt: str = ""
    demonstrations: Demonstrations | None = None
    constraint: Constraint | None = None
    calibration: Calibration | None = None
    retrieval: Retrieval | None = None
    tools: ToolUse | None = None
    adapters: tuple[str, ...] = ()
    max_tokens: int = 256
    parent: str | None = None

    @cached_property
    def id(self) -> str:
        """SHA-256 of all fields."""
        return digest(as_json(self))

    @cached_property
    def asked(self) -> Candidate:
        """What its answers are asked of and kept under: itself without calibration, which is applied to them afterwards."""
        return replace(self, calibration=None) if self.calibration else self

    @cached_property
    def base_reference(self) -> BaseReference:
        """What `base` names."""
        return BaseReference.read(self.base)

    @property
    def artefacts(self) -> tuple[str, ...]:
        """Digests of all that it adds to its base, in the blob store: a model, demonstrations, an index, tools' files, adapters."""
        shown, found, tools = self.demonstrations, self.retrieval, self.tools
        named = (self.base_reference.stored, shown and shown.pool, found and found.index, tools and tools.files)
        return (*[name for name in named if name], *self.adapters)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said to one example, and what that took. Unknown figures are None, never zero.

    `latency_s` is the time of the batch that the answer came in, divided by its rows. `cached_tokens` of the prompt were not
    recomputed. `logprobs` maps each choice to its log-probability where the constraint was a choice. `calls` were made on the way,
    in order: name, arguments, outcome (ran, recorded, queued, refused, failed), result or reason, seconds. `passages` were shown
    and to be cited: {id, source, start, end, text}. `fault` says why there is no answer, which is then missing. `tokens`: OpenAI's.
    """

    text: str
    latency_s: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    finish_reason: str = "stop"
    logprobs: Mapping[str, float] | None = None
    calls: tuple[Mapping[str, Any], ...] = ()
    passages: tuple[Mapping[str, Any], ...] = ()
    fault: str = ""
    tokens: tuple[Mapping[str, Any], ...] = field(default=(), metadata=LEFT_OUT)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One example of a Run: the answer and its score by each scorer (`scores["quality"]` and one for each guard)."""

    example: str
    group: str
    answer: Answer
    scores: Mapping[str, Score]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a Candidate answered on a split."""

    candidate: str
    task: str
    split: str
    rows: tuple[Row, ...]
    environment: Mapping[str, Any] = field(default_factory=dict)

    def values(self, name: str = "quality") -> list[float | None]:
        """Each row's score by one scorer; None where it is missing."""
        return [row.scores[name].value for row in self.rows]

    @property
    def groups(self) -> tuple[str, ...]:
        """Each row's cluster; "" is a row alone."""
        return tuple(row.group for row in self.rows)

    def mean(self, name: str = "quality") -> float | None:
        """Mean over the rows that have a score; None where none has."""
        present = [value for value in self.values(name) if value is not None]
        return sum(present) / len(present) if present else None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision on one bar. `alpha` is what the bar could spend; `needed` is how many more labels an undecided one asks for.

    `n` counts rows that the bar is about, and `n_total` those of them in the split. Figures are the bar's own.
    """

    status: Status
    estimate: float | None
    lower: float | None
    upper: float | None
    n: int
    n_total: int
    missing: int
    alpha: float
    bar: float
    stopped_by: str
    reason: str
    needed: int | None = None
    name: str = "quality"


class Progress(Protocol):
    """Where long work says how far it is. The command line draws bars; a pipe gets lines."""

    def stage(self, title: str, total: int | None = None) -> AbstractContextManager[Stage]: ...

    def note(self, text: str) -> None: ...


class Stage(Protocol):
    """One bar: `advance` by n done; `facts` (loss=..., tokens_per_s=...) are shown beside it."""

    def advance(self, n: int = 1, **facts: Any) -> None: ...


def batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Consecutive slices of at most `size` rows."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
