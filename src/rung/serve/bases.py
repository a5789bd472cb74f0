"""The base models that a server has: those of what it serves, each warmed before it says that it is ready."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.engine.caller import Caller, Sampling
from rung.errors import RungError
from rung.garbage import settle
from rung.types import Candidate, Example

if TYPE_CHECKING:
    from rung.registry.names import Version
    from rung.serve.door import Door

log = logging.getLogger("rung.serve")
# What the bare base goes by; where a server has several, each has the beginning of its digest behind it: `base:3f9a21c04d77`.
BASE = "base"
DIGITS = 12
# Of the bare base, whose answers nobody has bounded.
BASE_TOKENS = 1024
KEPT_S = 1.0
AGAIN_S = 15.0
PROBE = Example(id="warm", messages=({"role": "user", "content": "Hi"},))


@dataclass(frozen=True, kw_only=True)
class Base:
    """A language model of this server by itself. `reference` is pinned; `template` the digest of its chat template."""

    reference: str
    template: str

    @property
    def candidate(self) -> Candidate:
        """Asked with nothing beside the question."""
        return Candidate(rung=BASE, base=self.reference, template=self.template, max_tokens=BASE_TOKENS)

    @property
    def digits(self) -> str:
        """The beginning of its digest."""
        return self.candidate.base_reference.pin[:DIGITS]


class Bases:
    """The language models behind the names of one server, looked up again after a second."""

    def __init__(self, served: Callable[[], Sequence[tuple[Version, Candidate]]]) -> None:
        self._served, self._lock = served, threading.Lock()
        self._known: tuple[Base, ...] = ()
        self._until = 0.0

    def __call__(self) -> tuple[Base, ...]:
        """Each once, in the order of the names."""
        with self._lock:
            if time.monotonic() > self._until:
                self._known = bases_of([candidate for _, candidate in self._served()])
                self._until = time.monotonic() + KEPT_S
            return self._known


def bases_of(candidates: Sequence[Candidate]) -> tuple[Base, ...]:
    """The bases under Candidates: no linear model, and no full fine-tune, which is what a climb made of a base."""
    found: dict[str, Base] = {}
    for candidate in candidates:
        reference = candidate.base_reference
        if not reference.stored and reference.pin and reference.pin not in found:
            found[reference.pin] = Base(reference=candidate.base, template=candidate.template)
    return tuple(found.values())


def warm(door: Door, versions: Sequence[Version], stop: threading.Event) -> None:
    """Asks each base once, and of each of these versions a question, until all have answered. In a thread of its own.

    What cannot answer yet (a server that still starts) is asked again; the server stays unready until it has.
    """
    waiting = _to_warm(door, versions)
    while waiting and not stop.is_set():
        for what, candidate in list(waiting.items()):
            if _answers(door, what, candidate):
                del waiting[what]
                if not waiting:
                    settle()
                door.standing.warmed(what)
        if waiting:
            stop.wait(AGAIN_S)


def expect(door: Door, versions: Sequence[Version]) -> None:
    """The server is unready until these have answered."""
    for what in _to_warm(door, versions):
        door.standing.expect(what)


def _to_warm(door: Door, versions: Sequence[Version]) -> dict[str, Candidate]:
    """What is asked, by the word for it: a model that stands for each base, and each version that was named."""
    bases = {one.reference: one.candidate for one in door.names.bases()}
    named = [served for one in versions if (served := door.names.find(one.ref))]
    return bases | {served.ref: served.candidate for served in named}


def _answers(door: Door, what: str, candidate: Candidate) -> bool:
    from rung.engine.answer import answer

    caller = Caller(tenant="", sampling=Sampling(max_tokens=1), deadline=time.monotonic() + door.limits.answer_s)
    try:
        # Tools are not called for nobody's question.
        answer(replace(candidate, tools=None), [PROBE], replace(door.runtime, caller=caller, asker="warm"))
    except RungError as error:
        log.error("%s cannot answer yet: %s", what, error.message)
        door.standing.failed(what)
        return False
    return True
