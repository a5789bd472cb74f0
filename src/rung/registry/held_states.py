"""A call that waits for a person, and the way that it goes: asked for, decided, run once at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rung.json_form import as_json, canonical_json, digest
from rung.registry.processes import Process
from rung.types import Message

# Unknown: it was begun, and whoever ran it is gone without a word of what came of it. It is not run again.
State = Literal["waiting", "approved", "refused", "expired", "running", "done", "unknown"]
MOVES: Mapping[State, tuple[State, ...]] = {
    "waiting": ("approved", "refused", "expired"),
    "approved": ("running", "refused", "expired"),
    "running": ("done", "unknown"),
    "refused": (),
    "expired": (),
    "done": (),
    "unknown": (),
}
SETTLED: tuple[State, ...] = ("refused", "expired", "done", "unknown")
PREFIX = "held-"
SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of a person.

    asked      the id of the answer that was held, `model` and `ref` what was asked and what answers
    candidate  the id of what answers, `files` and all: what is run is its tools and no other's
    messages   the question, and `question` its digest: only the same conversation goes on
    calls      that were made for it, in order: those that wait have the outcome `queued`
    requester  the tenant's name, `user` the client's word for its own user
    """

    tenant: str
    requester: str
    user: str
    asked: str
    session: str
    model: str
    ref: str
    candidate: str
    messages: tuple[Message, ...]
    question: str
    calls: tuple[Mapping[str, Any], ...]

    @property
    def digest(self) -> str:
        """What a decision is signed for."""
        return digest(as_json(self))

    @property
    def waiting(self) -> tuple[Mapping[str, Any], ...]:
        """The calls that a person is asked about."""
        return tuple(call for call in self.calls if call["outcome"] == "queued")


@dataclass(frozen=True, kw_only=True)
class HeldCall:
    """Where it stands, after its `number`th event.

    expires  ISO 8601: from then on it is neither approved nor run
    by       who decided: a fingerprint, "" where nobody has; `reason` their words
    runner   the process that runs it, or has; `begun` when
    results  what came of the calls that waited, in order, once it is done
    """

    id: str
    wanted: Wanted
    state: State
    number: int
    expires: str
    created: str
    by: str = ""
    reason: str = ""
    decided: str = ""
    runner: Process | None = None
    begun: str = ""
    results: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether it goes no further."""
        return self.state in SETTLED

    @property
    def made(self) -> tuple[Mapping[str, Any], ...]:
        """The calls of the conversation with what came of each, those that waited too; for one that is settled."""
        results = iter(self.outcomes)
        return tuple(
            {"name": call["name"], "arguments": call["arguments"], **next(results)} if call["outcome"] == "queued" else call
            for call in self.wanted.calls
        )

    @property
    def outcomes(self) -> tuple[Mapping[str, Any], ...]:
        """What came of each call that waited; nothing before it is settled."""
        if not self.is_settled:
            return ()
        return self.results or tuple(self._instead for _ in self.wanted.waiting)

    @property
    def _instead(self) -> Mapping[str, Any]:
        """What is told of a call that has no result."""
        said = {
            "refused": ("refused", f"a person refused it{f': {self.reason}' if self.reason else ''}"),
            "expired": ("refused", "nobody allowed it in time"),
            "unknown": ("failed", "it was begun, and it is not known whether it was done: it is not tried again"),
        }
        outcome, reason = said[self.state]
        return {"outcome": outcome, "reason": reason, "seconds": 0.0}


def shown_call(call: Mapping[str, Any]) -> str:
    """A call as a person reads it, on one line."""
    arguments = ", ".join(f"{name}={canonical_json(value)}" for name, value in call["arguments"].items())
    text = f"{call['name']}({arguments})"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
