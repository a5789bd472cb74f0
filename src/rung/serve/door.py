"""The path of one question: who asks, what answers, what may be taken, what is written down, and what becomes of the answer.

Everything here is called from a worker thread, one for each question that is under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rung.engine.caller import Caller, Piece, nobody_hears
from rung.engine.live import LiveRuntime
from rung.json_form import canonical_json
from rung.serve.faults import AGAIN_S, outcome_of, refusal
from rung.serve.idle import NoJournal, NoKeys, NoQuotas, NoRails, NoRouter, NoStacks
from rung.serve.limits import Limits
from rung.serve.metrics import Meters
from rung.serve.names import Names
from rung.serve.question import Question, question_of, settled, with_hint
from rung.serve.spans import NoSpans, Spans
from rung.serve.standing import Standing
from rung.serve.types import (
    Admission,
    Asked,
    Ending,
    Journal,
    Keys,
    Outcome,
    Quotas,
    Rails,
    Refused,
    Router,
    Ruling,
    Served,
    Stacks,
    Tenant,
)
from rung.types import FAILED, REFUSED, SILENT, UNHELD, Answer

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime
    from rung.registry.home import Home

# Candidates one after the other, and tries of one, beyond which an answer is withheld.
MOST_TURNS, MOST_TRIES = 5, 8
# Bytes of text for which a quota puts a token aside until the answer tells how many there were.
BYTES_PER_TOKEN = 4
CANNOT_FALL_BACK = "the answer was held back, and nothing safer could answer in its place"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What a question came to.

    served   what answered, which is another than what was asked where the rails fell back on it
    ending   answered, fallback; withheld or refused, where `reason` is told in the answer's place; held, where `reason` is the id
             under which a person is asked, and the answer tells so
    departs  in what it was asked otherwise than in its evaluation
    took     every answer that was made on the way, those too that the rails held back
    """

    asked: Asked
    served: Served
    fingerprint: str
    answer: Answer
    ending: Ending = "answered"
    reason: str = ""
    departs: tuple[str, ...] = ()
    took: tuple[Answer, ...] = ()


Hear = Callable[[Piece], None]
Work = Callable[[Served, Hear], Delivered]
# Hears what answers, and its fingerprint, once a question is admitted and written down: before its first piece.
Opened = Callable[[Served, str], None]


def no_engine(_base: str) -> str:
    """Nobody says what computes."""
    return ""


def nobody_opens(_served: Served, _fingerprint: str) -> None:
    """Nobody waits for it."""


def asks_for_keys(door: Door) -> bool:
    """Whether who asks must show a key, now."""
    return bool(getattr(door.keys, "asks", True))


@dataclass(frozen=True, kw_only=True)
class Door:
    """All that a question meets on its way. Its parts are made by `open_door`.

    engine    what computes a base, in a word, for fingerprints
    standing  whether the server takes questions, and how many are under way
    """

    home: Home
    runtime: Runtime
    names: Names
    engine: Callable[[str], str] = no_engine
    keys: Keys = field(default_factory=NoKeys)
    quotas: Quotas = field(default_factory=NoQuotas)
    journal: Journal = field(default_factory=NoJournal)
    router: Router = field(default_factory=NoRouter)
    rails: Rails = field(default_factory=NoRails)
    stacks: Stacks = field(default_factory=NoStacks)
    limits: Limits = field(default_factory=Limits)
    meters: Meters = field(default_factory=Meters)
    spans: Spans = field(default_factory=NoSpans)
    standing: Standing = field(default_factory=Standing)

    def close(self) -> None:
        """What is still computed for a question ends, and what waits is written; no question comes any more."""
        if isinstance(self.runtime, LiveRuntime):
            self.runtime.close()
        self.journal.close()

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        """Who shows this key. Raises Refused; the attempt is written down."""
        try:
            return self.keys.tenant(authorization, address)
        except Refused as refused:
            self.journal.refuse(None, "key", refused)
            raise

    def resolve(self, asked: Asked) -> Served:
        """What is to answer: by the name, then by a rollout, then with what is added to it. Raises Refused."""
        served = self.names.resolve(asked.model, asked.tenant)
        served = self.router.route(asked, served)
        return self.stacks.stacked(asked, served)

    def fingerprint(self, served: Served) -> str:
        """Of all that makes its answers."""
        return served.fingerprint(self.engine(served.candidate.base))

    def answer(self, asked: Asked, caller: Caller, opened: Opened = nobody_opens) -> Delivered:
        """Answers one question. Whatever becomes of it is written down before this returns.

        caller  hears pieces that are the beginning of the answer, where there can be any before it is whole
        opened  hears what answers, once

        Raises Refused for everything that ends without an answer.
        """

        def work(served: Served, hear: Hear) -> Delivered:
            opened(served, self.fingerprint(served))
            return self._ruled(asked, served, replace(caller, hear=hear))

        with self.standing.under_way(self.limits.at_once):
            began = time.monotonic()
            with self._refusing(asked):
                served = self.resolve(asked)
                self.rails.question(asked, served)
                admitted = self._admitted(asked, served, _most(question_of(asked, served, caller)))
            return self._closed(admitted, _Heard(caller.hear), work, began)

    def worked(self, asked: Asked, work: Callable[[Served], Answer]) -> Delivered:
        """A question that no language model answers, on the same way: who may, what it takes, what becomes of it."""

        def done(served: Served, _hear: Hear) -> Delivered:
            return Delivered(asked=asked, served=served, fingerprint=self.fingerprint(served), answer=work(served))

        with self.standing.under_way(self.limits.at_once):
            began = time.monotonic()
            with self._refusing(asked):
                admitted = self._admitted(asked, self.resolve(asked), 0)
            return self._closed(admitted, _Heard(nobody_hears), done, began)

    def _admitted(self, asked: Asked, served: Served, most: int) -> _Admitted:
        """A question within what its tenant may take, and written down as begun. `most` tokens may be answered."""
        admission = self.quotas.admit(asked.tenant, prompt_tokens=_tokens(asked), max_tokens=most)
        try:
            self.journal.begin(asked, served, self.fingerprint(served))
        except BaseException:
            admission.settle(None)
            raise
        return _Admitted(asked=asked, served=served, admission=admission)

    def _closed(self, admitted: _Admitted, heard: _Heard, work: Work, began: float) -> Delivered:
        """What the work gives; whoever counts hears how it ended."""
        asked, served = admitted.asked, admitted.served
        outcome, answer = Outcome(ending="failed", status=500), None
        try:
            with self.spans.answering(asked, served) as ended:
                delivered = work(served, heard.hears)
                answer = _together(delivered)
                outcome = _outcome(delivered, served, heard.first, began)
                ended(outcome)
            return delivered
        except BaseException as error:
            refused = refusal(error, asked.id)
            outcome = outcome_of(error, refused, latency_s=time.monotonic() - began)
            raise refused from error
        finally:
            self._close(admitted, answer or heard.left_behind(asked, outcome), outcome)

    def _ruled(self, asked: Asked, served: Served, caller: Caller) -> Delivered:
        """The answer as the rails let it go: asked again, or of another Candidate, as often as they say; never of one that a
        rollout took back meanwhile."""
        first, reason, delivered, took = served, "", None, tuple[Answer, ...]()
        for _ in range(MOST_TURNS):
            try:
                delivered, ruling = self._tried(asked, served, caller)
            except _TakenBack:
                first = served = self.resolve(asked)
                continue
            took = (*took, *delivered.took)
            delivered = replace(delivered, took=took)
            if ruling.ending != "fallback":
                ending: Ending = "fallback" if served is not first and ruling.ending == "answered" else ruling.ending
                return replace(delivered, ending=ending, reason=ruling.reason)
            reason = ruling.reason
            safer = self.names.find(ruling.fallback)
            if safer is None or safer.ref == served.ref:
                break
            served = safer
        if delivered is None:
            raise Refused(503, "What this model stands for is changing.", type="server_error", code="changing", retry_after_s=1.0)
        return replace(delivered, ending="withheld", reason=reason or CANNOT_FALL_BACK)

    def _tried(self, asked: Asked, served: Served, caller: Caller) -> tuple[Delivered, Ruling]:
        """One Candidate's answer, asked again while the rails want it. Raises _TakenBack."""
        hint, reason, took = "", "", list[Answer]()
        for tries in range(1, MOST_TRIES + 1):
            first = _First(lambda: self.router.stands(served), caller)
            allowed = self.rails.caller(asked, served, replace(caller, hear=first.hear))
            question = question_of(with_hint(asked, hint), served, allowed)
            if caller.hear is nobody_hears or self.rails.holds_back(served) or not question.flows:
                question = replace(question, caller=replace(question.caller, hear=nobody_hears))
            answer = self._computed(asked, served, question, first)
            took.append(answer)
            ruling = self.rails.answer(asked, served, answer, tries)
            if first.heard and (ruling.retry or ruling.ending != "answered"):
                raise Refused(500, "The answer was withheld after it had begun.", type="server_error", code="withheld")
            given = Delivered(
                asked=asked,
                served=served,
                fingerprint=self.fingerprint(served),
                answer=ruling.answer or answer,
                departs=question.departs,
                took=tuple(took),
            )
            if not ruling.retry:
                return given, ruling
            hint, reason = ruling.hint, ruling.reason
        return given, Ruling(ending="withheld", reason=reason)

    def _computed(self, asked: Asked, served: Served, question: Question, first: _First) -> Answer:
        """What the engine answers: the very call that evaluation makes. Raises Refused where no answer came, and _TakenBack."""
        from rung.engine.answer import answer

        first.check()
        attended = self.rails.attended(asked, served) if question.candidate.tools else None
        runtime = replace(self.runtime, caller=question.caller, attended=attended, live=True, asker="serve")
        try:
            [said] = answer(question.candidate, [question.example], runtime)
        except Exception:
            if first.taken_back:
                raise _TakenBack from None
            raise
        if not first.heard:
            first.check()
        return _settled(said, question)

    @contextmanager
    def _refusing(self, asked: Asked) -> Iterator[None]:
        """What is refused before an answer has begun is written down as an attempt."""
        try:
            yield
        except Exception as error:
            refused = refusal(error, asked.id)
            self.meters.refused(asked, refused)
            self.journal.refuse(asked.tenant, asked.model, refused)
            raise refused from error

    def _close(self, admitted: _Admitted, took: Answer | None, outcome: Outcome) -> None:
        """Everybody who counts hears what became of it. The journal comes first: what it cannot keep does not go out."""
        asked, served = admitted.asked, admitted.served
        try:
            self.journal.end(asked.id, outcome)
        finally:
            admitted.admission.settle(took)
            self.meters.answered(asked, served, outcome)
            self.router.seen(asked, served, outcome)


@dataclass(frozen=True, kw_only=True)
class _Admitted:
    """A question that is to be answered."""

    asked: Asked
    served: Served
    admission: Admission


class _TakenBack(Exception):
    """What was to answer was rolled back before anything of its answer went out."""


class _First:
    """Looks, before the first piece of an answer goes out, whether what answers still may."""

    def __init__(self, stands: Callable[[], bool], caller: Caller) -> None:
        self._stands, self._hear = stands, caller.hear
        self.heard = self.taken_back = False

    def hear(self, piece: Piece) -> None:
        if not self.heard:
            self.check()
            self.heard = True
        self._hear(piece)

    def check(self) -> None:
        """Raises _TakenBack."""
        if not self._stands():
            self.taken_back = True
            raise _TakenBack


class _Heard:
    """Passes pieces on and remembers when the first came, on `time.monotonic`, and how much it was."""

    def __init__(self, hear: Hear) -> None:
        self._hear, self.first, self._bytes = hear, 0.0, 0
        self.hears: Hear = nobody_hears if hear is nobody_hears else self.hear

    def hear(self, piece: Piece) -> None:
        self.first = self.first or time.monotonic()
        self._bytes += len(piece.text.encode("utf-8", "surrogatepass"))
        self._hear(piece)

    def left_behind(self, asked: Asked, outcome: Outcome) -> Answer | None:
        """What an answer took that nobody waited for to its end, so that no quota is passed by leaving early; None of all others.

        How far one was that nobody heard is not known.
        """
        if outcome.ending not in ("gone", "late"):
            return None
        heard = -(-self._bytes // BYTES_PER_TOKEN)
        unheard = outcome.ending == "gone" and self.hears is nobody_hears
        return Answer(text="", prompt_tokens=_tokens(asked), completion_tokens=None if unheard else heard)


def _together(delivered: Delivered) -> Answer:
    """The answer with what all that were made on the way took; a figure that one does not know is not known of all."""
    if len(delivered.took) < 2:
        return delivered.answer
    sums: dict[str, Any] = {}
    for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_usd"):
        figures = [getattr(answer, name) for answer in delivered.took]
        sums[name] = None if None in figures else sum(figures)
    return replace(delivered.answer, **sums)


def _settled(said: Answer, question: Question) -> Answer:
    """An answer, as the client's sampling wants it. Raises Refused for one that is none."""
    if said.finish_reason in (FAILED, SILENT):
        silent = "The server behind this model gave no answer."
        raise Refused(503, silent, type="server_error", code="no_answer", retry_after_s=AGAIN_S)
    if said.finish_reason == REFUSED:
        raise Refused(400, "The server behind this model refused the question.", code="refused")
    if said.finish_reason == UNHELD:
        raise Refused(422, "The answer could not be held to the form that was asked for.", param="response_format", code="unheld")
    return settled(said, question.candidate, question.caller.sampling)


def _outcome(delivered: Delivered, served: Served, first: float, began: float) -> Outcome:
    ended = time.monotonic()
    return Outcome(
        ending=delivered.ending,
        status=200,
        answer=delivered.answer,
        reason=delivered.reason,
        fallback=delivered.served.ref if delivered.served.ref != served.ref else "",
        first_s=(first or ended) - began,
        latency_s=ended - began,
    )


def _tokens(asked: Asked) -> int:
    """About how many tokens a question has, until its answer tells."""
    written = canonical_json([list(asked.messages), list(asked.tools)])
    return len(written.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN


def _most(question: Question) -> int:
    """The longest answer that may come."""
    most = question.caller.sampling.max_tokens
    return question.candidate.max_tokens if most is None else most
