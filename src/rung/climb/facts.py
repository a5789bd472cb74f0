"""What the steps of a climb find out, a class each, which says where a record keeps it and what it took of the climb's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rung.engine.http.finding import ServerFinding
from rung.registry.documents import DiagnosisRecord
from rung.registry.looks import Standing
from rung.registry.predictions import Prediction, Step
from rung.rungs.base import Recorded
from rung.types import Finding, Status, Verdict
from rung.verify.foresight import Foresight


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that a climb has found out."""

    @property
    def key(self) -> str:
        """Where the record keeps it; saying it anew takes the place of what was said before."""
        raise NotImplementedError

    @property
    def budget_s(self) -> float:
        """Seconds that it took out of what `limits.minutes` allows."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class LockedRung:
    """A rung's place in a climb, and why it is left out; "" where it is not."""

    name: str
    skipped: str


@dataclass(frozen=True, kw_only=True)
class LockedBase:
    """The base, named by its digest, and the digest of its chat template."""

    pinned: str
    template: str


@dataclass(frozen=True, kw_only=True)
class Lock(Fact):
    """What was fixed before the first rung ran.

    task         the task's digest; `data` holds those of its splits
    rungs        the ladder, the cheapest first
    findings     what the audit of the data found
    environment  packages, seed and hardware
    started      when, ISO 8601
    left_out     ids of test rows that do not judge, for a climb before had seen these few
    server       what its check found, where the base is one: how every question is put to it
    """

    task: str
    data: Mapping[str, str]
    base: LockedBase
    rungs: tuple[LockedRung, ...]
    findings: tuple[Finding, ...]
    environment: Mapping[str, Any]
    started: str
    left_out: tuple[str, ...] = ()
    server: ServerFinding | None = None

    @property
    def key(self) -> str:
        return "lock"

    @property
    def names(self) -> tuple[str, ...]:
        """The rungs' names, the cheapest first."""
        return tuple(rung.name for rung in self.rungs)

    def rung(self, name: str) -> LockedRung:
        """The rung of this name."""
        return next(rung for rung in self.rungs if rung.name == name)


@dataclass(frozen=True, kw_only=True)
class Charged(Fact):
    """The climb's number on its locked rows, which it got with its first test there, its alpha, and how the rows stood before.

    A climb whose tests had all been made before has none.
    """

    number: int
    alpha: float
    before: Standing

    @property
    def key(self) -> str:
        return "charged"


@dataclass(frozen=True, kw_only=True)
class Foreseen(Fact):
    """What the climb was said to take: of each step what was said last before it was taken.

    first  what was said of them when it began; nothing in a record of before
    """

    prediction: Prediction
    first: tuple[Step, ...] = ()

    @property
    def key(self) -> str:
        return "foreseen"


@dataclass(frozen=True, kw_only=True)
class Built(Fact):
    """A rung's frozen Candidate, by its id."""

    rung: str
    candidate: str
    records: tuple[Recorded, ...]
    artefact_bytes: int
    seconds: float

    @property
    def key(self) -> str:
        return f"built/{self.rung}"

    @property
    def budget_s(self) -> float:
        return self.seconds

    def recorded(self, kind: str) -> list[Mapping[str, Any]]:
        """What the rung told of this kind, in its order."""
        return [recorded.figures for recorded in self.records if recorded.kind == kind]


@dataclass(frozen=True, kw_only=True)
class Allotted(Fact):
    """What a rung may spend at the gate, in thousandths of what the climb may, and what dev said; fixed before its first test row.

    `dev` is None where dev said nothing of the bar.
    """

    rung: str
    part: int
    dev: Foresight | None
    seconds: float

    @property
    def key(self) -> str:
        return f"allotted/{self.rung}"

    @property
    def budget_s(self) -> float:
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class Judged(Fact):
    """What the locked split said of a rung's Candidate: the verdict on quality and on every guard, at this share of alpha.

    `waits_s`: seconds that a caller waited for an answer, where they were measured.
    """

    rung: str
    status: Status
    verdict: Verdict
    guards: tuple[Verdict, ...]
    run: str
    alpha: float
    seconds: float
    waits_s: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        return f"judged/{self.rung}"

    @property
    def budget_s(self) -> float:
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class Measured(Fact):
    """A rung's Candidate on the whole of dev, whose rows the report may show."""

    rung: str
    run: str
    mean: float | None
    n: int
    seconds: float

    @property
    def key(self) -> str:
        return f"measured/{self.rung}"

    @property
    def budget_s(self) -> float:
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class Tried(Fact):
    """A cheaper form of a rung's Candidate before the locked split. `part_added` is how much more the whole scores than this."""

    rung: str
    name: str
    candidate: str
    artefact_bytes: int
    part_added: float | None
    judged: Judged

    @property
    def key(self) -> str:
        return f"tried/{self.rung}/{self.name}"

    @property
    def budget_s(self) -> float:
        return self.judged.seconds

    @property
    def held(self) -> bool:
        return self.judged.status == "pass"


@dataclass(frozen=True, kw_only=True)
class Simplified(Fact):
    """All cheaper forms have been tried: the name of the one that is kept, if any."""

    rung: str
    kept: str | None

    @property
    def key(self) -> str:
        return f"simplified/{self.rung}"


@dataclass(frozen=True, kw_only=True)
class Diagnosed(Fact):
    """What is missing, and which rungs need not be tried."""

    record: DiagnosisRecord

    @property
    def key(self) -> str:
        return "diagnosed"

    @property
    def budget_s(self) -> float:
        return self.record.seconds or 0.0


@dataclass(frozen=True, kw_only=True)
class CurvePoint(Fact):
    """A rung built on the first `rows` of train. What a learning curve takes is no part of the climb's time."""

    rung: str
    rows: int
    candidate: str
    run: str
    seconds: float

    @property
    def key(self) -> str:
        return f"curve/{self.rung}/{self.rows}"


@dataclass(frozen=True, kw_only=True)
class Registered(Fact):
    """What passed, under its version of the task's name."""

    version: str
    candidate: str
    rung: str

    @property
    def key(self) -> str:
        return "registered"
