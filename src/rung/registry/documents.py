"""The climb document: everything that a report, a terminal and a reader of JSON are shown of a finished climb.

The climb builds one, the registry keeps its JSON, the report reads it. Figures that are not known are None. Times are in seconds
and their fields end in `_s`; scores, shares and bounds are from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rung import json_form
from rung.errors import UserError
from rung.parts import ClassTable
from rung.registry.forecasts import Forecast, MoreLabels
from rung.registry.predictions import Took
from rung.types import Bar, Finding, Limits, Status, Unit, Verdict

RungState = Literal["passed", "failed", "undecided", "skipped", "not_tried"]


@dataclass(frozen=True, kw_only=True)
class ClimbVerdict:
    """How the climb ended. `winner` is the id of the Candidate that is registered, `rung` the lowest rung that passed."""

    status: Status
    sentence: str
    winner: str | None
    rung: str | None


@dataclass(frozen=True, kw_only=True)
class LockedTask:
    """What was asked for: the task without its rows. `rows` counts those of each split."""

    name: str
    digest: str
    base: str
    instruction: str
    bar: Bar
    guards: tuple[Bar, ...]
    limits: Limits
    alpha: float
    consequence: str
    seed: int
    rows: Mapping[str, int]
    path: str

    def bar_of(self, name: str) -> Bar | None:
        """The bar or guard of that name; None for a limit."""
        return next((bar for bar in (self.bar, *self.guards) if bar.name == name), None)


@dataclass(frozen=True, kw_only=True)
class CardLine:
    """One thing that the locked split can or cannot prove, or a scorer's trial, in words, and the numbers that the words name."""

    text: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DevScore:
    """The mean score over n dev rows, or what else the bar is on, in its `unit`; None where none could be scored."""

    mean: float | None
    n: int
    unit: Unit = "share"


@dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A train row that a prompt shows before every question, and where it stands."""

    source: str
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One form that a rung tried on dev. `calls` says how tools were called, where they were; `shown`, of the chosen one, the rows
    before every question, in their order.

    `by` says what the mean is, where the quality bar is on something else than the mean score of all rows. It was asked `n` of the
    `of` rows that it could have been, where the rest could hardly have put it before the form that it is `behind`.
    """

    name: str
    mean: float | None
    n: int
    chosen: bool
    prompt: str | None = None
    calls: Mapping[str, Any] | None = None
    by: str = ""
    of: int | None = None
    behind: str = ""
    shown: tuple[ShownRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Raced:
    """Dev answers that a rung's trials were `asked` for, `of` those that all of them would have taken on all rows."""

    asked: int
    of: int


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """One step of the optimiser; `dev_score` is None where dev was not asked after it."""

    step: int
    loss: float
    lr: float
    tokens_per_s: float
    dev_score: float | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """How well documents are found on n dev rows: against the right ones where rows name them, and whether the target is shown."""

    k: int
    n: int
    target_shown: float | None
    gold_rows: int
    recall: float | None
    ndcg: float | None
    mrr: float | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A dev row that a rung answers better, or worse, than the rung below."""

    example: str
    question: str
    target: Any
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class RungRecord:
    """What one rung showed and took.

    answer_s    seconds of this machine for an answer, in the batches of the dev rows; None for a base that a server answers for
    wait_p50_s  what a caller waits for one answer asked alone, the median; `wait_p95_s` what 95% do not exceed. None where it was
                not measured
    tokens      means for each dev answer
    broken      what it broke although it is not shown to be below the bar, in words: a limit, a guard; "" where nothing
    remarks     on its dev answers: how many are none, and why; how many a limit ended
    more_labels what more test labels would do for it, where its bar is left open
    fixed       some of the dev rows that it answers better than the rung below, of `fixed_total`; `broke` those answered worse
    """

    rung: str
    title: str
    state: RungState
    reason: str
    candidate: str | None
    alpha: float | None
    verdict: Verdict | None
    guards: tuple[Verdict, ...]
    broken: str
    dev: DevScore | None
    trials: tuple[Trial, ...]
    build_s: float | None
    gate_s: float | None
    answer_s: float | None
    wait_p50_s: float | None
    wait_p95_s: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    cost_usd_per_1k: float | None
    artefact_bytes: int | None
    undo: str
    settings: Mapping[str, Any]
    findings: tuple[Finding, ...]
    retrieval: Found | None
    history: tuple[TrainingStep, ...]
    fixed: tuple[Change, ...]
    broke: tuple[Change, ...]
    fixed_total: int
    broke_total: int
    classes: ClassTable | None = None
    remarks: tuple[str, ...] = ()
    raced: Raced | None = None
    more_labels: MoreLabels | None = None


@dataclass(frozen=True, kw_only=True)
class ArmReading:
    """A way that the base was asked in, in numbers: means over dev, bounds on the lift, failures turned right, passes broken.

    `p` is that of the exact one-sided sign test that more clusters of rows are lifted than lowered. `holding` counts the answers
    that fail although they hold their target, among other words. Of `of` rows, the first `n` settled what it shows.
    """

    name: str
    before: float
    after: float
    lift: float
    lower: float
    upper: float
    n: int
    flipped: int
    broken: int
    p: float
    shows: bool
    holding: int = 0
    of: int | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeRecord:
    """What a probe came to: the figures of its best arm, None where it has none; `said` is what it says beside them, in words."""

    name: str
    title: str
    cause: str
    before: float | None
    after: float | None
    lift: float | None
    lower: float | None
    upper: float | None
    n: int
    flipped: int
    broken: int
    state: Literal["ran", "skipped"]
    reason: str
    most: float | None
    ceiling: float | None
    likely_ceiling: float | None
    arms: tuple[ArmReading, ...]
    facts: Mapping[str, Any]
    said: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Failures put down to a cause: how many its probe turns right, and their share of all."""

    cause: str
    probe: str
    flipped: int
    share: float


@dataclass(frozen=True, kw_only=True)
class DiagnosisRecord:
    """What is missing, by n sampled dev rows, `failures` of which the plain instruction fails; `of` counts what was sampled."""

    cause: str
    rung: str | None
    sentence: str
    n: int
    failures: int
    of: Mapping[str, int]
    plain: float
    bar: float | None
    probes: tuple[ProbeRecord, ...]
    attribution: tuple[Attribution, ...]
    skips: Mapping[str, str]
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class CheaperForm:
    """The winner with less, and its verdict; `part_added` is what the part that was left out adds to the score."""

    name: str
    id: str
    verdict: Verdict
    artefact_bytes: int
    part_added: float | None
    held: bool
    kept: bool


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What the verdict rests on, by digest, and how to repeat it. `server` is what its check found, where the base is one."""

    task: str
    data: Mapping[str, str]
    base: str
    template: str
    packages: Mapping[str, Any]
    seed: int
    hardware: Mapping[str, Any]
    repeat: str
    server: Mapping[str, Any] | None = field(default=None, metadata=json_form.LEFT_OUT)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at the first n rows of a locked split that has rows in common with this climb's, for the task of this name."""

    candidate: str
    rung: str
    n: int
    task: str


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The climb's number on its locked rows (`rows` of them, `seen` by climbs before), and what of alpha was and is spent on them.

    number  None where every test of the climb had been made before, which costs nothing
    alpha   what the climb may spend; `spent` is what those before it were charged, `next_alpha` what one more would have
    lines   the same in words
    left_out  test rows beside these that did not judge, for climbs before had seen them and few others
    """

    number: int | None
    alpha: float
    spent: float
    seen: int
    rows: int
    next_alpha: float
    lines: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class ClimbDocument:
    """A finished climb. `version` is what was registered, `name@n`; rungs come cheapest first.

    `second_try` says what more labels would do for an undecided one.
    `took` says of each step what it was said to take when the climb began, and what it took.
    `trials` says for each bar what its scorer made of made-up answers, before anything was spent.
    """

    climb: str
    name: str
    version: str | None
    started: str
    seconds: float
    verdict: ClimbVerdict
    task: LockedTask
    card: tuple[CardLine, ...]
    trials: tuple[CardLine, ...] = ()
    findings: tuple[Finding, ...] = ()
    rungs: tuple[RungRecord, ...]
    diagnosis: DiagnosisRecord | None
    cheaper: tuple[CheaperForm, ...]
    forecast: Forecast | None
    notes: tuple[str, ...]
    lock: Lock
    ledger: Ledger
    second_try: str = ""
    took: tuple[Took, ...] = ()
    looks: tuple[Look, ...] = field(default=())

    @property
    def winner(self) -> RungRecord | None:
        """The rung that passed; None where none did."""
        return next((rung for rung in self.rungs if rung.rung == self.verdict.rung), None)


def as_json(document: ClimbDocument) -> dict[str, Any]:
    """The document as plain JSON, every field of every part."""
    whole: dict[str, Any] = json_form.as_json(document)
    return whole


def from_json(stored: Any) -> ClimbDocument:
    """The document that `as_json` wrote. Raises UserError for one that another version of Rung wrote."""
    try:
        return json_form.from_json(ClimbDocument, stored)
    except json_form.Misfit as misfit:
        raise UserError(
            f"this climb's record is of an earlier version ({misfit})", hint=f"Repeat it with `rung climb {_path_in(stored)}`."
        ) from None


def sentence_in(stored: Any) -> str | None:
    """The verdict in words, of a stored document of any version; None where there is none."""
    verdict = stored.get("verdict") if isinstance(stored, Mapping) else None
    sentence = verdict.get("sentence") if isinstance(verdict, Mapping) else None
    return sentence if isinstance(sentence, str) else None


def _path_in(stored: Any) -> str:
    task = stored.get("task") if isinstance(stored, Mapping) else None
    return str(task.get("path") if isinstance(task, Mapping) and task.get("path") else "task.yaml")
