"""What a rollout is, and how it may go from one state to another.

running      an arm of those who ask is answered by the candidate
paused       the champion answers everybody, and nothing is counted, until it is resumed
waiting      nothing more is to be shown: the champion's place waits for what promotion asks for (an approval)
promoted     the candidate is the champion
rolled-back  it was shown to be worse than it may be, or somebody said so: it answers nobody who does not name its version
stopped      it ended without a verdict: its time was over, somebody stopped it, or the champion is another meanwhile
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

State = Literal["running", "paused", "waiting", "promoted", "rolled-back", "stopped"]
Kind = Literal["canary", "ab", "shadow"]
Arm = Literal["champion", "candidate"]
CHAMPION_ARM: Arm = "champion"
CANDIDATE_ARM: Arm = "candidate"
# In which the candidate answers its arm, in which a rollout is not over, and in which it is.
ROUTED: tuple[State, ...] = ("running", "waiting")
ACTIVE: tuple[State, ...] = (*ROUTED, "paused")
FINAL: tuple[State, ...] = ("promoted", "rolled-back", "stopped")
MOVES: Mapping[State, tuple[State, ...]] = MappingProxyType(
    {
        "running": ("running", "paused", "waiting", "promoted", "rolled-back", "stopped"),
        "paused": ("running", "rolled-back", "stopped"),
        "waiting": ("waiting", "paused", "promoted", "rolled-back", "stopped"),
        "promoted": ("rolled-back",),
        "rolled-back": (),
        "stopped": (),
    }
)
# What a measure is made from, beside scorers: whether there was an answer, what people say, whether nobody complained, and the
# task's limits.
MeasureKind = Literal["answered", "feedback", "complaint", "scorer", "seconds", "tokens"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One thing by which the two are compared, each answer from 0 to 1. `limit` is of seconds and of tokens; of complaints
    the seconds after which silence counts as none."""

    name: str
    kind: MeasureKind
    limit: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rollout is to do.

    version     of the name, the candidate; `champion` is the version that it is held against
    steps       the candidate's share of those who ask, one after the other: 0 is shadow alone, 1 is the champion's place
    harm        what it may be worse by, in shares of 1: a canary goes on once it is shown not to be, an A/B once it is better
    alpha       the chance that a candidate no worse than that is rolled back, and that a worse one goes on a step
    measures    by which the two are compared
    task        the digest of the lock whose scorers judge
    lasts       how long at most, as it was asked for (`7d`); "" until it is decided
    """

    name: str
    version: int
    champion: int
    kind: Kind
    steps: tuple[float, ...]
    harm: float
    alpha: float
    measures: tuple[Measure, ...]
    task: str = ""
    lasts: str = ""

    @property
    def ref(self) -> str:
        """`name@version` of the candidate."""
        return f"{self.name}@{self.version}"

    @property
    def champion_ref(self) -> str:
        """`name@version` of the champion."""
        return f"{self.name}@{self.champion}"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A rollout as it stands.

    id      `rollout-` and 16 hex digits
    place   it has among all rollouts of the home, in the order in which they began
    secret  what its arms are drawn by: nobody outside can choose an arm
    number  that of its last event; who acts on it says which it has seen
    step    the place of the share that it has now in `plan.steps`
    ends    ISO 8601, UTC; "" where it has no end
    said    why it stands as it does
    """

    id: str
    place: int
    plan: Plan
    secret: str
    who: str
    state: State
    number: int
    step: int
    ends: str
    said: str
    created: str
    updated: str

    @property
    def share(self) -> float:
        """Of those who ask, the part that the candidate is to answer now."""
        return self.plan.steps[self.step] if self.state in ROUTED else 0.0

    @property
    def promotes(self) -> bool:
        """Whether what comes next is the champion's place."""
        return self.plan.steps[self.step + 1 : self.step + 2] == (1.0,)

    @property
    def is_active(self) -> bool:
        """Whether it is not over."""
        return self.state in ACTIVE


@dataclass(frozen=True, kw_only=True)
class RolloutEvent:
    """One thing that happened to a rollout.

    kind      begun, advanced, paused, resumed, waiting, promoted, rolled-back, stopped
    evidence  what was known then: of each measure what was counted and how far it speaks
    """

    rollout: str
    number: int
    kind: str
    state: State
    step: int
    said: str
    evidence: Mapping[str, Any]
    who: str
    created: str


@dataclass(frozen=True, kw_only=True)
class RolloutChange:
    """What a rollout is to become. `step` and `ends` stay as they are where they are None."""

    state: State
    kind: str
    said: str = ""
    step: int | None = None
    ends: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One thing that was seen of an answer, in the order in which the home's servers wrote it down (`seq`).

    answer  its id
    kind    answer; shadow (the other's answer to the same question); feedback
    unit    who asked, by what their arm is sticky to; no name can be read from it
    share   of the candidate's arm when the arm was drawn
    scores  by measure, of the answer; of a shadow by measure [champion's, candidate's]; what has no score is left out
    told    what is shown beside: equal, tokens, seconds
    """

    rollout: str
    answer: str
    kind: Literal["answer", "shadow", "feedback"]
    arm: Arm
    unit: str
    share: float
    scores: Mapping[str, Any]
    told: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    created: str = ""
