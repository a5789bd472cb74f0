"""The record of one climb: its typed facts, read from and written to the home.

A fact is written down whole or not at all. No other module knows how the home keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rung.climb.facts import (
    Allotted,
    Built,
    Charged,
    CurvePoint,
    Diagnosed,
    Fact,
    Foreseen,
    Judged,
    Lock,
    LockedBase,
    Measured,
    Registered,
    Simplified,
    Tried,
)
from rung.errors import UserError
from rung.json_form import as_json, digest, from_json
from rung.registry import documents
from rung.registry.documents import ClimbDocument
from rung.registry.ended import DOCUMENT, SENTENCE
from rung.registry.predictions import Prediction, Step

if TYPE_CHECKING:
    from rung.registry.home import Home

# Part of every climb's id: a record of another form is not gone on with.
FORM = 4
_SPENT = "spent"
_NO_FACTS = (DOCUMENT, SENTENCE, _SPENT)
_KINDS: Mapping[str, type[Fact]] = {
    "lock": Lock,
    "charged": Charged,
    "foreseen": Foreseen,
    "built": Built,
    "allotted": Allotted,
    "judged": Judged,
    "measured": Measured,
    "tried": Tried,
    "simplified": Simplified,
    "diagnosed": Diagnosed,
    "curve": CurvePoint,
    "registered": Registered,
}
Known = TypeVar("Known", bound=Fact)


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What passed, by its id, and what the locked split said of it."""

    candidate: str
    judged: Judged


class Record:
    """What is known of one climb, by its id. `add` writes a fact down; each kind is read by an attribute of its own.

    Raises UserError for a record that this version cannot read.
    """

    def __init__(self, home: Home, climb: str) -> None:
        self.home, self.climb = home, climb
        stored = home.climbs.facts(climb)
        self._facts = {key: _read(climb, key, payload) for key, payload in stored.items() if key not in _NO_FACTS}
        self._document: Mapping[str, Any] | None = stored.get(DOCUMENT)

    def add(self, fact: Fact) -> None:
        """Writes a fact down, here and in the home."""
        self.home.climbs.put(self.climb, fact.key, as_json(fact))
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
    def charged(self) -> Charged | None:
        """What it was charged for its locked rows; None before its first test there."""
        return next(iter(self._all(Charged)), None)

    @property
    def foreseen(self) -> Prediction | None:
        """What it was said to take; None where nothing was said."""
        return next((fact.prediction for fact in self._all(Foreseen)), None)

    @property
    def said_first(self) -> Sequence[Step]:
        """What was said of every step when it began."""
        return next((fact.first for fact in self._all(Foreseen)), ())

    @property
    def built(self) -> Mapping[str, Built]:
        """By the rung's name."""
        return {fact.rung: fact for fact in self._all(Built)}

    @property
    def allotted(self) -> Mapping[str, Allotted]:
        """By the rung's name."""
        return {fact.rung: fact for fact in self._all(Allotted)}

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

    def has(self, key: str) -> bool:
        """Whether the fact of this key is known."""
        return key in self._facts

    def form(self, rung: str, name: str) -> Tried | None:
        """The cheaper form of this name, where it has been tried."""
        return next((tried for tried in self.tried if (tried.rung, tried.name) == (rung, name)), None)

    def kept(self, rung: str) -> Tried | None:
        """The cheaper form that takes the place of a rung's own Candidate."""
        simplified = self.simplified.get(rung)
        return self.form(rung, simplified.kept) if simplified and simplified.kept is not None else None

    def passed(self, rung: str) -> Passed:
        """What of a rung that passed is shipped: its own Candidate, or the cheaper form that is kept, as it was judged."""
        if kept := self.kept(rung):
            return Passed(candidate=kept.candidate, judged=kept.judged)
        return Passed(candidate=self.built[rung].candidate, judged=self.judged[rung])

    def point(self, rung: str, rows: int) -> CurvePoint | None:
        """A rung's learning curve at so many rows, where it is known."""
        return next((point for point in self.points if (point.rung, point.rows) == (rung, rows)), None)

    @property
    def seconds(self) -> float:
        """What the climb has taken so far, as `limits.minutes` counts it."""
        return sum(fact.budget_s for fact in self._facts.values())

    @property
    def document(self) -> ClimbDocument | None:
        """The climb document; None before the climb has ended."""
        return documents.from_json(self._document) if self._document else None

    def keep_document(self, document: ClimbDocument) -> None:
        """Keeps the climb document, in the place of the one before."""
        self._document = documents.as_json(document)
        with self.home.together():
            self.home.climbs.put(self.climb, SENTENCE, document.verdict.sentence)
            self.home.climbs.put(self.climb, DOCUMENT, self._document)

    def _all(self, kind: type[Known]) -> list[Known]:
        return [fact for fact in self._facts.values() if isinstance(fact, kind)]


def _read(climb: str, key: str, payload: Any) -> Fact:
    try:
        return from_json(_KINDS[key.partition("/")[0]], payload)
    except (KeyError, ValueError):
        raise UserError(
            f"the record of climb {climb[:12]} has a fact, '{key}', that this version of rung cannot read",
            hint="Go on with the version that wrote it, or set RUNG_HOME to another folder and climb anew.",
        ) from None


def climb_id(task: str, base: LockedBase) -> str:
    """The id of a task's climb on a base, both named by their digests."""
    return digest([FORM, task, as_json(base)])


def earlier_form(home: Home, task: str) -> str | None:
    """The id of a climb of this task (digest) that an earlier version began, whose record cannot be gone on with; None for none."""
    return next((begun.climb for begun in home.climbs.all() if begun.task == task and begun.form < FORM), None)


def spent(home: Home, climb: str) -> tuple[float, dict[str, float]]:
    """What a climb has paid so far, and what of it is put aside for batches that its server has, by their keys (USD)."""
    kept = home.climbs.fact(climb, _SPENT) or {}
    return float(kept.get("usd", 0.0)), {key: float(usd) for key, usd in kept.get("batches", {}).items()}


def keep_spent(home: Home, climb: str, usd: float, batches: Mapping[str, float]) -> None:
    """Writes down what a climb has paid so far."""
    home.climbs.put(climb, _SPENT, {"usd": usd} | ({"batches": dict(batches)} if batches else {}))
