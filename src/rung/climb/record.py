"""The typed facts of one climb: what each of its steps found out, as it is kept in the home.

A fact is written down whole or not at all. Its class says under which key, and how much of the time that it took counts towards
what the task allows a climb. No other module knows the keys or their JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rung.errors import UserError
from rung.types import Status, Verdict, as_json, digest

if TYPE_CHECKING:
    from rung.registry.home import Home

# Part of every climb's id: a record of another form is not gone on with.
FORM = 3
_DOCUMENT, _SPENT = "document", "spent"


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

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Fact:
        """The fact whose JSON this is."""
        return cls(**payload)


@dataclass(frozen=True, kw_only=True)
class LockedRung:
    """A rung's place in a climb: why it is left out (`skipped`), or its share of alpha."""

    name: str
    skipped: str
    alpha: float | None


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
    cheaper      the share of alpha of all cheaper forms of what passed
    environment  packages, seed and hardware
    started      when, ISO 8601
    """

    task: str
    data: Mapping[str, str]
    base: LockedBase
    rungs: tuple[LockedRung, ...]
    cheaper: float
    environment: Mapping[str, Any]
    started: str

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

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Lock:
        rungs = tuple(LockedRung(**rung) for rung in payload["rungs"])
        return cls(**{**payload, "base": LockedBase(**payload["base"]), "rungs": rungs})


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One thing that a rung told of its own building, for the report: a trial, a finding, a line of training history."""

    kind: str
    figures: Mapping[str, Any]


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

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Built:
        return cls(**{**payload, "records": tuple(Recorded(**recorded) for recorded in payload["records"])})


@dataclass(frozen=True, kw_only=True)
class Judged(Fact):
    """What the locked split said of a rung's Candidate: the verdict on quality and on every guard, at this share of alpha."""

    rung: str
    status: Status
    verdict: Verdict
    guards: tuple[Verdict, ...]
    run: str
    alpha: float
    seconds: float

    @property
    def key(self) -> str:
        return f"judged/{self.rung}"

    @property
    def budget_s(self) -> float:
        return self.seconds

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Judged:
        guards = tuple(Verdict(**guard) for guard in payload["guards"])
        return cls(**{**payload, "verdict": Verdict(**payload["verdict"]), "guards": guards})


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

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Tried:
        return cls(**{**payload, "judged": Judged.read(payload["judged"])})


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
    """What is missing: the cause, in a sentence, and the rungs that need not be tried. `document` is all of it, for the report."""

    cause: str
    sentence: str
    skips: Mapping[str, str]
    document: Mapping[str, Any]
    seconds: float

    @property
    def key(self) -> str:
        return "diagnosed"

    @property
    def budget_s(self) -> float:
        return self.seconds


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


_KINDS: Mapping[str, type[Fact]] = {
    "lock": Lock,
    "built": Built,
    "judged": Judged,
    "measured": Measured,
    "tried": Tried,
    "simplified": Simplified,
    "diagnosed": Diagnosed,
    "curve": CurvePoint,
    "registered": Registered,
}
Known = TypeVar("Known", bound=Fact)


class Record:
    """What is known of one climb, by its id. `add` writes a fact down; each kind is read by an attribute of its own.

    Raises UserError for a record that this version cannot read.
    """

    def __init__(self, home: Home, climb: str) -> None:
        self.home, self.climb = home, climb
        stored = home.facts(climb)
        self._facts = {key: _read(climb, key, payload) for key, payload in stored.items() if key not in (_DOCUMENT, _SPENT)}
        self._document: Mapping[str, Any] | None = stored.get(_DOCUMENT)

    def add(self, fact: Fact) -> None:
        """Writes a fact down, here and in the home."""
        self.home.put_fact(self.climb, fact.key, as_json(fact))
        self._facts[fact.key] = fact

    @property
    def begun(self) -> bool:
        """Whether it has a lock."""
        return bool(self._all(Lock))

    @property
    def lock(self) -> Lock:
        """What was fixed at the start; only a climb that has begun has one."""
        return self._all(Lock)[0]

    @property
    def built(self) -> Mapping[str, Built]:
        """By the rung's name."""
        return {fact.rung: fact for fact in self._all(Built)}

    @property
    def judged(self) -> Mapping[str, Judged]:
        """By the rung's name."""
        return {fact.rung: fact for fact in self._all(Judged)}

    @property
    def measured(self) -> Mapping[str, Measured]:
        """By the rung's name."""
        return {fact.rung: fact for fact in self._all(Measured)}

    @property
    def simplified(self) -> Mapping[str, Simplified]:
        """By the rung's name."""
        return {fact.rung: fact for fact in self._all(Simplified)}

    @property
    def tried(self) -> Sequence[Tried]:
        """Cheaper forms, in the order in which they were tried."""
        return self._all(Tried)

    @property
    def points(self) -> Sequence[CurvePoint]:
        """Of every rung's learning curve."""
        return self._all(CurvePoint)

    @property
    def diagnosis(self) -> Diagnosed | None:
        """What is missing, once it was asked."""
        return next(iter(self._all(Diagnosed)), None)

    @property
    def registered(self) -> Registered | None:
        """What passed, once it has a name."""
        return next(iter(self._all(Registered)), None)

    def form(self, rung: str, name: str) -> Tried | None:
        """The cheaper form of this name, where it has been tried."""
        return next((tried for tried in self.tried if (tried.rung, tried.name) == (rung, name)), None)

    def kept(self, rung: str) -> Tried | None:
        """The cheaper form that takes the place of a rung's own Candidate."""
        simplified = self.simplified.get(rung)
        return self.form(rung, simplified.kept) if simplified and simplified.kept is not None else None

    def point(self, rung: str, rows: int) -> CurvePoint | None:
        """A rung's learning curve at so many rows, where it is known."""
        return next((point for point in self.points if (point.rung, point.rows) == (rung, rows)), None)

    @property
    def seconds(self) -> float:
        """What the climb has taken so far, as `limits.minutes` counts it."""
        return sum(fact.budget_s for fact in self._facts.values())

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The climb document; None before the climb has ended."""
        return self._document

    def keep_document(self, document: Mapping[str, Any]) -> None:
        """Keeps the climb document, in the place of the one before."""
        self.home.put_fact(self.climb, _DOCUMENT, document)
        self._document = document

    def _all(self, kind: type[Known]) -> list[Known]:
        return [fact for fact in self._facts.values() if isinstance(fact, kind)]


def _read(climb: str, key: str, payload: Any) -> Fact:
    try:
        return _KINDS[key.partition("/")[0]].read(payload)
    except (KeyError, TypeError, AttributeError):
        raise UserError(
            f"the record of climb {climb[:12]} has a fact, '{key}', that this version of rung cannot read",
            mend="Go on with the version that wrote it, or set RUNG_HOME to another folder and climb anew.",
        ) from None


def climb_id(task: str, base: LockedBase, form: int = FORM) -> str:
    """The id of a task's climb on a base, both named by their digests."""
    return digest([form, task, as_json(base)])


def earlier_form(home: Home, task: str, base: LockedBase) -> str | None:
    """The id of the same climb as an earlier version began it, whose record cannot be gone on with; None where there is none."""
    known = {climb["climb"] for climb in home.climbs()}
    return next((name for form in range(FORM - 1, 0, -1) if (name := climb_id(task, base, form)) in known), None)


def document_of(home: Home, climb: str) -> dict[str, Any] | None:
    """The document of a climb that has ended, whatever version of rung wrote it; None where there is none."""
    document: dict[str, Any] | None = home.fact(climb, _DOCUMENT)
    return document


def spent_usd(home: Home, climb: str) -> float:
    """What a climb has paid so far."""
    return float((home.fact(climb, _SPENT) or {"usd": 0.0})["usd"])


def keep_spent(home: Home, climb: str, usd: float) -> None:
    """Writes down what a climb has paid so far."""
    home.put_fact(climb, _SPENT, {"usd": usd})
