"""What the pages show of the server's parts and may ask of them. Of a part that a server runs without, its page says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rung.registry.home import Home


class Holder(Protocol):
    """Who holds a key of the admin plane: `id` is the key's, `who` says in words who it is."""

    @property
    def id(self) -> str: ...

    @property
    def who(self) -> str: ...


class Admins(Protocol):
    """Who may come in."""

    def check(self, shown: str) -> Holder | None:
        """Who holds the key that is shown; None where it is none, or holds no longer."""

    def holder(self, id: str) -> Holder | None:
        """Who holds the key of an id, as long as it holds: for whoever has logged in with it."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What was said of an answer. `score` is in [0, 1]; `thumb` is up, down or ""."""

    thumb: str = ""
    score: float | None = None
    correction: str = ""
    label: str = ""
    created: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question as the journal has it.

    created  ISO 8601, UTC
    ref      of what answered (`tone@3`), "" where nothing did; `asked` is the model as the client wrote it
    ending   answered, fallback, withheld, held, refused, late, gone, failed; "" while it is being answered
    first_s  seconds to the first piece, `latency_s` to the last
    made     what it was made with, as (what, digest); `words` what is kept of question and answer, as (what, words)
    """

    id: str
    created: str
    tenant: str
    asked: str
    ref: str = ""
    endpoint: str = ""
    ending: str = ""
    status: int | None = None
    reason: str = ""
    fallback: str = ""
    rollout: str = ""
    arm: str = ""
    fingerprint: str = ""
    session: str = ""
    key: str = ""
    first_s: float | None = None
    latency_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    feedback: tuple[Feedback, ...] = ()
    made: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for in the journal: each "" where it does not matter.

    before  the place (of the last row of the page before) behind which the next page begins
    """

    text: str = ""
    tenant: str = ""
    ref: str = ""
    ending: str = ""
    before: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of what was looked for, the newest first; `next` is where the next begins, "" where there is none."""

    rows: tuple[Question, ...]
    next: str = ""


class Journal(Protocol):
    """Which bytes answered which tenant."""

    def since(self, moment: str, limit: int) -> Sequence[Question]:
        """The newest `limit` questions that were asked since a moment (ISO 8601, UTC), with their feedback; in no order."""

    def search(self, wanted: Wanted, limit: int) -> Found:
        """What is looked for."""

    def get(self, id: str) -> Question | None:
        """A question by the id of its answer."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One side of a rollout: how many questions it answered, how many somebody spoke of, means of seconds and tokens."""

    name: str
    ref: str
    n: int
    spoken: int = 0
    seconds: float | None = None
    tokens: float | None = None


@dataclass(frozen=True, kw_only=True)
class MeasureShown:
    """One thing by which the arms are compared: means in [0, 1] of so many that counted, and how far the evidence speaks.

    harm, safe  (evidence, what decides): that the candidate is worse than it may be; that it is not
    shown       what was shown: worse, no harm, better; "" while nothing is
    """

    name: str
    champion: float | None
    candidate: float | None
    n: tuple[int, int]
    harm: tuple[float, float]
    safe: tuple[float, float]
    shown: str = ""


@dataclass(frozen=True, kw_only=True)
class RolloutShown:
    """A rollout: `kind` is canary, ab or shadow, `share` what of the traffic its candidate has.

    state     in one word, with `tone` of it (pass, fail, undecided, quiet)
    evidence  lines that say why it stands so, and what is still to be seen
    actions   what may be done to it now: pause, resume, stop
    """

    id: str
    name: str
    kind: str
    state: str
    tone: str
    share: float
    arms: tuple[Arm, ...]
    started: str
    who: str = ""
    ended: str = ""
    measures: tuple[MeasureShown, ...] = ()
    evidence: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    history: tuple[tuple[str, str, str], ...] = ()


class Rollouts(Protocol):
    """The rollouts of a server."""

    def all(self) -> Sequence[RolloutShown]:
        """Those that go on first, then the newest."""

    def act(self, id: str, action: str, by: str, reason: str) -> str:
        """Pauses, resumes or stops one; says what came of it. Raises UserError where that cannot be."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool call: its arguments as JSON text, and how it is graded."""

    tool: str
    arguments: str
    consequence: str = ""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Tool calls of one answer that wait for a person, or did.

    question  what was asked, in words
    state     waiting, approved, refused, expired, and what came after an approval
    by, why   who decided, and their reason
    """

    id: str
    created: str
    tenant: str
    ref: str
    calls: tuple[Call, ...]
    user: str = ""
    question: str = ""
    expires: str = ""
    state: str = "waiting"
    by: str = ""
    why: str = ""
    decided: str = ""


class Holds(Protocol):
    """Tool calls that were held."""

    def waiting(self) -> Sequence[Held]:
        """Those that nobody has decided, the oldest first."""

    def decided(self, limit: int) -> Sequence[Held]:
        """Those that somebody has, the newest first."""

    def decide(self, id: str, *, approve: bool, by: str, reason: str) -> str:
        """Lets a call go, or refuses it; says what came of it. Raises UserError where it was decided meanwhile or has expired."""


@dataclass(frozen=True, kw_only=True)
class KeyShown:
    """A key as it may be shown: never itself. `ended` is why it holds no longer, "" where it does."""

    id: str
    tenant: str
    label: str = ""
    created: str = ""
    expires: str = ""
    last_used: str = ""
    ended: str = ""


@dataclass(frozen=True, kw_only=True)
class TenantShown:
    """A tenant with its keys; `limits` are (what, how much) in words."""

    id: str
    name: str
    models: tuple[str, ...]
    tools: tuple[str, ...]
    limits: tuple[tuple[str, str], ...] = ()
    keys: tuple[KeyShown, ...] = ()
    created: str = ""
    ended: str = ""


class Tenants(Protocol):
    """Who may ask."""

    def all(self) -> Sequence[TenantShown]:
        """All of them, by name."""

    def add(self, name: str, models: Sequence[str], by: str) -> str:
        """Makes a tenant; says its id. Raises UserError."""

    def add_key(self, tenant: str, label: str, by: str) -> str:
        """Makes a key and returns it: it can be shown this once. Raises UserError."""

    def revoke(self, key: str, by: str) -> None:
        """Ends a key (by its id) at once. Raises UserError."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of a question of the playground; `text` may differ from the pieces that were heard where it was withheld."""

    text: str
    ending: str = "answered"
    reason: str = ""
    id: str = ""
    first_s: float | None = None
    latency_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    calls: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A question of the playground to one Candidate. `hear` gets the pieces; `gone` is set when nobody looks any more."""

    ref: str
    question: str
    instruction: str = ""
    max_tokens: int | None = None
    temperature: float = 0.0
    who: str = ""
    hear: Callable[[str], None] = field(default=lambda _: None)
    gone: threading.Event = field(default_factory=threading.Event)


class Asks(Protocol):
    """Answers the playground's questions, by the path that a client's go."""

    def ask(self, trial: Trial) -> Said:
        """The whole answer. Raises RungError where there is none."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """All that the pages read and do.

    home     opened to write
    refused  is told of every wrong key that somebody shows
    """

    home: Home
    admins: Admins
    refused: Callable[[], object] = lambda: None
    journal: Journal | None = None
    rollouts: Rollouts | None = None
    holds: Holds | None = None
    tenants: Tenants | None = None
    asks: Asks | None = None
