"""What a Task and a Candidate are made of: tools, documents, demonstrations, constraints, retrieval; and a Run's classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rung.json_form import LEFT_OUT


@dataclass(frozen=True, kw_only=True)
class Gold:
    """A document that holds an answer, or the characters [start, end) of it that do."""

    source: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that the model may call. `parameters` is the JSON schema of its arguments, `origin` the file or `mcp:server`."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    consequence: Literal["read", "reversible", "irreversible"]
    origin: str

    @property
    def offer(self) -> Mapping[str, Any]:
        """What the model is told of it."""
        return {"name": self.name, "description": self.description, "parameters": self.parameters}


@dataclass(frozen=True, kw_only=True)
class ToolServer:
    """An MCP server: a command, or an address; `env` names the variables that it is given, `digest` is of what it offered."""

    name: str
    digest: str = ""
    command: tuple[str, ...] | None = None
    url: str | None = None
    env: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CallLimits:
    """What one call may take; `total_seconds` is for all calls of one question."""

    seconds: float = 10.0
    memory_mb: int = 512
    output_kb: int = 256
    processes: int = 8
    result_characters: int = 2000
    total_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class RecordedResult:
    """A result that stands in for a call in an evaluation."""

    name: str
    arguments: Mapping[str, Any]
    result: Any


@dataclass(frozen=True, kw_only=True)
class ToolSet:
    """The tools of a task, as they were locked.

    digests     SHA-256 of each file that they need, by its name beside the task file
    unattended  the consequences that may come about without a person's consent
    left_out    tools that cannot be used, by the task's leave: `name (tools.py:3): why`
    """

    tools: tuple[Tool, ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[ToolServer, ...] = ()
    unattended: tuple[str, ...] = ("read",)
    limits: CallLimits = CallLimits()
    recorded: tuple[RecordedResult, ...] = ()
    left_out: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)

    @property
    def offers(self) -> tuple[Mapping[str, Any], ...]:
        """What the model is told of each."""
        return tuple(tool.offer for tool in self.tools)


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The documents that the retrieval rung may look things up in, and their digest when they were locked.

    Where they stand (`source`, `folder`, `downloads`) is no part of the lock, what they say is. `abstain` is the answer that is
    right where they hold none.
    """

    source: tuple[str, ...]
    folder: str
    downloads: str
    digest: str
    documents: int
    size_bytes: int
    include: tuple[str, ...] = ()
    encoder: str | None = None
    reranker: str | None = None
    abstain: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """What the task file says of the diagnosis: the dev rows that it looks at, and settings under a probe's name."""

    dev_rows: int | None = None
    of: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Demonstrations:
    """Rows of a pool (the digest of its blob), shown as earlier turns: its first `shared` rows before every question, in the pool's
    order, so that all prompts begin alike; behind them the k of its other rows that are nearest to the question.
    """

    pool: str
    k: int
    shared: int = field(default=0, metadata=LEFT_OUT)

    @property
    def total(self) -> int:
        """How many rows a question is shown."""
        return self.shared + self.k


@dataclass(frozen=True, kw_only=True)
class ChoiceConstraint:
    """The answer is one of these."""

    choices: tuple[str, ...]
    kind: Literal["choice"] = "choice"


@dataclass(frozen=True, kw_only=True)
class SchemaConstraint:
    """The answer is JSON that this schema allows, its keys in the schema's order."""

    schema: Mapping[str, Any]
    kind: Literal["json_schema"] = "json_schema"


@dataclass(frozen=True, kw_only=True)
class CallConstraint:
    """The answer is calls of the tools that the row offers: none (the empty list), one (an object), or several (a list)."""

    kind: Literal["tools"] = "tools"
    none: bool = field(default=False, metadata=LEFT_OUT)
    one: bool = field(default=True, metadata=LEFT_OUT)
    several: bool = field(default=False, metadata=LEFT_OUT)


Constraint = ChoiceConstraint | SchemaConstraint | CallConstraint


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """`bias` is added to each choice's log-probability before the largest is taken."""

    bias: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Abstention:
    """`answer` is given, without asking the model, where no passage is as sure as `below`."""

    below: float
    answer: str


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How passages are found, how many are shown, and in which form (a key of `engine.retrieval.context.FORMS`).

    `index` is the digest of a stored index; encoder and reranker are references, where the mode needs them.
    """

    index: str
    mode: Literal["lexical", "dense", "hybrid"]
    k: int
    form: str
    abstain: Abstention | None = None
    encoder: str | None = None
    reranker: str | None = None


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """A task's tools in a Candidate: `files` is the digest of a tree with their source, None where all are on servers.

    `steps` is the most calls for one question, `forced` how many are made before anything may be answered.
    """

    toolset: ToolSet
    files: str | None
    steps: int = 1
    forced: int = 0


@dataclass(frozen=True, kw_only=True)
class Span:
    """A figure that depends on what comes out: what it is at least, as expected, and at most."""

    least: float
    expected: float
    most: float

    @classmethod
    def of(cls, value: float) -> Span:
        """One that depends on nothing."""
        return cls(least=value, expected=value, most=value)

    def __add__(self, other: Span) -> Span:
        return Span(least=self.least + other.least, expected=self.expected + other.expected, most=self.most + other.most)

    def times(self, factor: float) -> Span:
        """Each of the three so many times; `factor` is not negative."""
        return Span(least=self.least * factor, expected=self.expected * factor, most=self.most * factor)

    def at_most(self, value: float) -> Span:
        """None of the three more than this."""
        return Span(least=min(self.least, value), expected=min(self.expected, value), most=min(self.most, value))


NOTHING = Span.of(0.0)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a machine works with a base, in tokens a second, by which a search is sized: read in questions, and trained on.

    `about` says in words what that rests on.
    """

    reads: float
    trains: float
    about: str = ""


# Two cores with bfloat16 instructions and a base of 135 million weights.
USUAL_PACE = Pace(reads=2000.0, trains=420.0, about="two cores and a small base")


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """A share and its bounds; None where there is nothing that it is a share of."""

    estimate: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """One class of a closed set: rows of which it is right, rows that were answered so, and how well the two agree."""

    label: str
    rows: int
    answered: int
    precision: Bounded
    recall: Bounded
    f1: Bounded


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How many rows of one class were taken for another; `answer` is empty where they were read as none."""

    target: str
    answer: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class ClassTable:
    """What a Run says of each class, the largest first, and its commonest confusions; `of` is how many classes there are.

    Where answers are sets of labels (`sets`), of each label: a row counts for every label that it has, and none is
    taken for another.

    Each bound is one-sided, wrong at most `level` of the time by itself. `missing` rows have no score.
    """

    split: str
    n: int
    missing: int
    level: float
    classes: tuple[ClassFigures, ...]
    of: int
    confusions: tuple[Confusion, ...]
    sets: bool = False

    @property
    def noun(self) -> str:
        return "label" if self.sets else "class"
