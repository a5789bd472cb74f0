"""What the parts of the server say to each other: who asks, what answers, what became of it, and how it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from rung.engine.caller import Caller
from rung.engine.tools.attended import Attended
from rung.json_form import digest
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import Answer, Candidate, Message

Endpoint = Literal["chat", "completions", "responses", "embeddings"]
# How an answer ended, as the journal tells it: as asked; in another way than it was first given; not at all.
Ending = Literal["answered", "fallback", "withheld", "held", "refused", "late", "gone", "failed"]


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Who asks.

    id      what caches, fairness, quotas and the journal go by
    key     the id of the key that was shown, never the key; "" where none is asked for
    models  which names it may ask for, as shell patterns (`spam`, `legal-*`); the bare base goes by the pattern `base`
    tools   which of a Candidate's tools it may have called, as patterns
    """

    id: str
    name: str
    key: str = ""
    models: tuple[str, ...] = ("*",)
    tools: tuple[str, ...] = ("*",)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question as it came through the door.

    id          of its answer: `chatcmpl-...`, `cmpl-...`, `resp_...`, `embd-...`
    model       as the client wrote it
    tools       that the client brought; `choice` is its tool_choice: none, auto, required, or a function's name
    constraint  that the client's response_format asks for
    session     the client's X-Rung-Session, or the id of the conversation; "" where there is none
    user        the client's word for its own user (`user` or `safety_identifier`); "" where there is none
    stack       the client's body extension: what is to be added to the model, each with its weight; None where it says nothing
    mode        the client's body extension: a mode of the Candidate's task that its session goes into; "" where it says nothing
    held        the client's body extension: the id under which an answer was held, whose conversation is to go on; "" where none
    """

    id: str
    tenant: Tenant
    endpoint: Endpoint
    model: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    choice: str = "auto"
    constraint: ChoiceConstraint | SchemaConstraint | None = None
    session: str = ""
    user: str = ""
    stack: tuple[StackedAdapter, ...] | None = None
    mode: str = ""
    held: str = ""
    stream: bool = False


@dataclass(frozen=True, kw_only=True)
class StackedAdapter:
    """An adapter that a request names: a registered name (with @version or @alias) whose Candidate has one, and its weight."""

    id: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """What a question is answered with.

    ref        `name@version`, or the reference of the bare base
    name       "" for the bare base, whose version is 0
    weights    of the Candidate's adapters, by their places; empty where each counts once
    parts      the refs of all whose adapters are stacked, where more than one version has a part in it
    rollout    the id of the rollout that chose it, and `arm` the side that it is of (champion, candidate); "" where none did
    task       the digest of the lock that its receipt is of; "" where it has none
    """

    ref: str
    name: str
    version: int
    candidate: Candidate
    weights: tuple[float, ...] = ()
    parts: tuple[str, ...] = ()
    rollout: str = ""
    arm: str = ""
    task: str = ""

    @property
    def adapters(self) -> tuple[tuple[str, float], ...]:
        """(digest, weight) of each, in the order in which they are added."""
        weights = self.weights or (1.0,) * len(self.candidate.adapters)
        return tuple(zip(self.candidate.adapters, weights, strict=True))

    def fingerprint(self, engine: str) -> str:
        """`fp_` and 16 hexadecimal digits of the SHA-256 of all that makes an answer.

        That is the Candidate, its base, template, adapters with weights, and the engine (its name and version).
        """
        told = [self.candidate.id, self.candidate.base, self.candidate.template, [list(pair) for pair in self.adapters], engine]
        return "fp_" + digest(told)[:16]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a question, for the journal and for whoever counts.

    status    of HTTP
    reason    why it ended so, where it was not answered as asked; in words that show no secret and no other's data
    fallback  the ref of what answered in its place
    first_s   seconds to the first piece, and `latency_s` to the last
    """

    ending: Ending
    status: int
    answer: Answer | None = None
    reason: str = ""
    fallback: str = ""
    first_s: float | None = None
    latency_s: float | None = None


class Refused(Exception):
    """A question that is not answered, as its client is told: OpenAI's error body, and Retry-After where trying again would help.

    status         of HTTP: 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503
    type           `invalid_request_error`, `authentication_error`, `permission_error`, `not_found_error`, `rate_limit_error`,
                   `server_error`
    param          the field of the body that is meant, `code` a word for programs
    headers        that go with it
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.type, self.param, self.code = status, message, type, param, code
        self.retry_after_s = retry_after_s

    @property
    def body(self) -> dict[str, Any]:
        """As OpenAI's API tells errors."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What the rails make of an answer.

    ending    answered: let it go; refused, withheld: tell `reason` in its place; held: a person is asked first (`reason` holds
              the id under which); fallback: ask `fallback` (a ref) in its place
    retry     ask the same again, this often at most in all; `hint` goes behind the question
    """

    ending: Ending = "answered"
    answer: Answer | None = None
    reason: str = ""
    fallback: str = ""
    retry: bool = False
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class UnderWay:
    """An answer that has begun and not ended, and for how many seconds by now."""

    asked: Asked
    served: Served
    seconds: float


class Keys(Protocol):
    """Who asks, by the key that they show."""

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        """Raises Refused (401) for no key, or one that is not known or holds no longer."""

    def forget(self) -> None:
        """Asks anew for every key: what was known of one may have changed."""


class Admission(Protocol):
    """A question's place within its tenant's quotas."""

    def settle(self, answer: Answer | None) -> None:
        """What it came to take, in the place of what was put aside; once, whatever became of it."""


class Quotas(Protocol):
    """What tenants may take: questions and tokens a minute, questions at once, money."""

    def admit(self, tenant: Tenant, *, prompt_tokens: int, max_tokens: int) -> Admission:
        """Puts aside what a question may take. Raises Refused (429) with Retry-After."""


class Journal(Protocol):
    """Which bytes answered which tenant, when, how long, with what feedback: all that a client has seen is in it."""

    def begin(self, asked: Asked, served: Served, fingerprint: str) -> None:
        """Returns when it is kept: before the first byte of the answer goes out."""

    def end(self, id: str, outcome: Outcome) -> None:
        """Returns when it is kept: before the last byte goes out."""

    def refuse(self, tenant: Tenant | None, what: str, refused: Refused) -> None:
        """A question that had no answer to begin: a foreign or unknown model, a key that is none, a quota that was used up."""

    def say(self, tenant: Tenant, feedback: Feedback) -> str:
        """Keeps what a tenant says of an answer of its own; gives its id. Raises Refused: 404 for any other answer."""

    def under_way(self) -> Sequence[UnderWay]:
        """What this server is answering now, the longest first."""

    def close(self) -> None:
        """Writes what waits; nothing comes any more."""


class Router(Protocol):
    """Which version answers where a rollout is under way."""

    def start(self) -> None:
        """Looks at the registry and judges from now on, beside the questions. Raises RungError where it cannot be read."""

    def close(self) -> None:
        """No more; what was seen is written down."""

    def route(self, asked: Asked, served: Served) -> Served:
        """The same, or the version of an arm, by what is sticky of who asks. Never a version that was rolled back."""

    def stands(self, served: Served) -> bool:
        """Whether what was routed may begin to answer: not the version of a rollout that was rolled back or paused since.

        Asked before each try, and once more before the first piece goes out; where it does not, the question is routed anew.
        """

    def seen(self, asked: Asked, served: Served, outcome: Outcome) -> None:
        """What was answered: shadows are asked, scorers that can judge online do. Must not wait."""

    def heard(self, feedback: Feedback) -> None:
        """What somebody says of an answer: it counts where a rollout chose what answered. Must not wait."""


class Rails(Protocol):
    """What a task says of its answers, held to on the line."""

    def holds_back(self, served: Served) -> bool:
        """Whether pieces may go out only when the whole answer was looked at."""

    def question(self, asked: Asked, served: Served) -> None:
        """Raises Refused for a question that is not to be answered."""

    def caller(self, asked: Asked, served: Served, caller: Caller) -> Caller:
        """The same, no more than the task's caps."""

    def admits_shadow(self, served: Served) -> bool:
        """Whether a copy of a question, of which nobody is sent the answer, may be asked."""

    def shadowed(self, served: Served, answer: Answer) -> None:
        """Such a copy was answered."""

    def attended(self, asked: Asked, served: Served) -> Attended:
        """How the question's calls go (Runtime.attended): who may have what called, and of an answer that was held before the calls
        that were made for it, what a person has allowed among them. Raises Refused (404) for an id that is not the tenant's, (409)
        with Retry-After where a person is still to be asked."""

    def answer(self, asked: Asked, served: Served, answer: Answer, tries: int) -> Ruling:
        """`tries` counts from 1."""


class Stacks(Protocol):
    """Adapters added up for a request or a session."""

    def stacked(self, asked: Asked, served: Served) -> Served:
        """The same with the request's own stack, or its session's. Raises Refused (403) for a combination that nothing admits."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What somebody says of an answer: a thumb, a score in [0, 1], a correction; at least one of them.

    label  a word of their own; `comment` is not shown to others
    """

    answer: str
    thumb: Literal["up", "down"] | None = None
    score: float | None = None
    correction: str | None = None
    label: str = ""
    comment: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)


def caller_of(asked: Asked, served: Served, caller: Caller) -> Caller:
    """The caller of a question with what its stack weighs, under its tenant."""
    return replace(caller, tenant=asked.tenant.id, weights=served.weights)
