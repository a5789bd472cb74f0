"""What a campaign finds out of each name, a class each; the record keeps the last one said of a kind and name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rung.parts import Span
from rung.types import Status

State = Literal["planned", "refused", "passed", "failed", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What climbing a name again is said to take: where the rung that it stands on now passes again, and where none does.

    seconds  None where nobody can say how fast the base answers
    usd      None where it costs nothing, or no price is known
    climb    its number on its test rows, which says how much of alpha is left for it (`alpha`)
    """

    seconds: Span | None
    whole: Span | None
    usd: Span | None
    answers: float
    climb: int
    alpha: float


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that a campaign has found out of a name."""

    name: str

    @property
    def key(self) -> str:
        """Where the record keeps it."""
        return f"{type(self).__name__.lower()}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Entry(Fact):
    """A name that is to be climbed again, as it stood when it was planned.

    old       the version that answers now, `name@3`; `candidate` is its id, on `base`, pinned; `served`: it is the champion
    lock      the digest of the task that it passed, of the file `task`
    traffic   answers a month, as the task says; None where it does not
    margin    how far the verdict's bound stood over the bar, in shares; None where that is not known, or on another scale
    built_on  the name whose version its task's base is; "" where that is a model
    anew      another task file was given for it
    """

    old: str
    candidate: str
    rung: str
    base: str
    served: bool
    lock: str
    task: str
    consequence: str
    traffic: float | None
    margin: float | None
    built_on: str = ""
    anew: bool = False
    estimate: Estimate | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refused(Fact):
    """Why a name could not be climbed again, the last time that it was tried; "" once it could."""

    problem: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Climbed(Fact):
    """How its climb on the new base ended: what passed as `version`, from the rung `rung`; None where nothing did.

    old      the version that it was to take the place of
    said     what that means for whoever answers with it
    retires  what of it is not needed any more, in words; "" for nothing
    """

    old: str
    climb: str
    status: Status
    version: str | None
    candidate: str | None
    rung: str | None
    sentence: str
    said: str
    retires: str = ""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two that are compared: what an answer of it takes, and how large it is beside its base. Unknown figures are None."""

    ref: str
    base: str
    rung: str
    answer_s: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    usd_per_1k: float | None
    added_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class OneBar:
    """One bar's scores of both on the same n rows: the new less the old, with its 95% interval, and the rows that turned.

    shown  what is shown of the difference whenever one looked, at the task's alpha: better, worse, not worse, or open
    """

    bar: str
    n: int
    before: float | None
    after: float | None
    difference: float | None
    lower: float
    upper: float
    better: int
    worse: int
    p: float | None
    shown: str


@dataclass(frozen=True, kw_only=True)
class Compared(Fact):
    """Old and new on the test rows that the gate looked at: `rows` of them that both answered, of `of`.

    `why` says why there is nothing to compare, or not all; "" where everything was.
    """

    old: Side
    new: Side | None
    rows: int
    of: int
    bars: tuple[OneBar, ...] = ()
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Promoted(Fact):
    """What became of the champion: moved to `version`, or why not (`conditions` that do not hold, `hints` that would mend them)."""

    version: str
    moved: bool
    standing: bool = False
    conditions: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())
