"""The journal of a server: what answered whom is kept before the first byte goes out, and how it ended before the last."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from rung.errors import RungError
from rung.json_form import as_json, canonical_json
from rung.registry.home import Home
from rung.registry.moments import written
from rung.registry.served import REFUSED, Begun, Ended, Making
from rung.serve.tenants.voices import not_yours, word_of
from rung.serve.tenants.words import answer_digest, plain, question_digest
from rung.serve.tenants.writer import Pen, Writer
from rung.serve.types import Asked, Feedback, Outcome, Refused, Served, Tenant, UnderWay

LONGEST_REASON = 500
# Equal attempts within so many seconds are one row; of different ones so many, and what comes beyond is counted together.
WINDOW_S, DIFFERENT = 1.0, 20
OTHERS = "others like it"
RETRY_S = 5.0
UNKEPT = "the journal could not be written then"
LONGEST_DAYS = 36_500.0


class ServedJournal:
    """The journal that one server writes."""

    def __init__(
        self,
        home: Home,
        writer: Writer,
        *,
        engine: Callable[[Served], str] = lambda _: "",
        keep_text_days: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """What servers that died had begun is ended first.

        engine          the name and version of the engine that answers, as fingerprints tell it
        keep_text_days  how long words of questions and answers are kept; None keeps none
        """
        self._home, self._writer, self._engine, self._clock = home, writer, engine, clock
        self._keep_text_days = keep_text_days
        self._under_way: dict[str, tuple[float, Asked, Served]] = {}
        self._lock = threading.Lock()
        self._attempts = _Attempts(writer, clock)
        self.died: list[str] = writer.do(self._bury)
        self._owed: dict[str, Ended] = {}
        for chore in (self._bury, self._forget, self._pay, self._attempts.flush):
            writer.every_minute(chore)

    def begin(self, asked: Asked, served: Served, fingerprint: str) -> None:
        """Returns when it is kept. Raises Refused (503) where it cannot be."""
        begun = self._begun(asked, served, fingerprint)
        text = canonical_json(as_json(asked.messages)) if self._keep_text_days is not None else None

        def work(pen: Pen) -> None:
            pen.head = pen.home.served.begin(pen.head, begun)
            if text is not None:
                pen.home.served.keep_text(begun.id, "question", text, self._until())

        self._kept(work, Ended(id=asked.id, ending="failed", status=503, reason=UNKEPT))
        with self._lock:
            self._under_way[asked.id] = (self._clock(), asked, served)

    def end(self, id: str, outcome: Outcome) -> None:
        """Returns when it is kept. Raises Refused (503) where it cannot be; the same again may do later."""
        ended, answer = _ended(id, outcome), outcome.answer

        def work(pen: Pen) -> None:
            pen.head = pen.home.served.end(pen.head, ended)
            if self._keep_text_days is not None and answer is not None:
                pen.home.served.keep_text(id, "answer", answer.text, self._until())

        with self._lock:
            self._under_way.pop(id, None)
        self._kept(work, replace(ended, ending="failed", status=503, reason=UNKEPT))

    def refuse(self, tenant: Tenant | None, what: str, refused: Refused) -> None:
        """Returns when it is kept, or counted with one like it that was. Raises Refused (503) where it cannot be.

        what  was asked for: a model's name, an answer's id. Never a key
        """
        try:
            self._attempts.add(tenant, plain(what), refused)
        except RungError as error:
            raise _unkept() from error

    def say(self, tenant: Tenant, feedback: Feedback) -> str:
        """Keeps what a tenant says of an answer of its own; gives the id of what it said. Raises Refused: 400 where nothing is
        said, 404 for an answer that is not its own, and the attempt is kept."""
        word = word_of(tenant, feedback)
        try:
            own = self._home.served.owner(feedback.answer) == tenant.id
        except RungError as error:
            raise _unkept() from error
        if not own:
            refused = not_yours(feedback.answer)
            self.refuse(tenant, f"feedback on {feedback.answer}", refused)
            raise refused

        def work(pen: Pen) -> None:
            pen.head = pen.home.feedback.add(pen.head, word)

        self._kept(work)
        return word.id

    def under_way(self) -> list[UnderWay]:
        """What this server is answering now, the longest first."""
        moment = self._clock()
        with self._lock:
            begun = list(self._under_way.values())
        return [UnderWay(asked=asked, served=served, seconds=moment - since) for since, asked, served in begun]

    def close(self) -> None:
        """Writes what waits, and seals this server's part of the journal."""
        for chore in (self._pay, self._attempts.flush):
            with suppress(RungError):
                self._writer.do(chore)
        self._writer.close()

    def _kept(self, work: Callable[[Pen], None], owed: Ended | None = None) -> None:
        """Returns when it is kept. Where it cannot be, `owed` is written as soon as it can: how the answer ended then."""
        try:
            self._writer.do(work)
        except RungError as error:
            if owed is not None:
                with self._lock:
                    self._owed[owed.id] = owed
            raise _unkept() from error

    def _begun(self, asked: Asked, served: Served, fingerprint: str) -> Begun:
        made = served.candidate
        making = Making(
            ref=served.ref,
            candidate=made.id,
            base=made.base,
            template=made.template,
            engine=self._engine(served),
            adapters=served.adapters,
            parts=served.parts,
            task=served.task,
        )
        return Begun(
            id=asked.id,
            tenant=asked.tenant.id,
            key=asked.tenant.key,
            endpoint=asked.endpoint,
            model=plain(asked.model),
            ref=served.ref,
            making=making,
            fingerprint=fingerprint,
            rollout=served.rollout,
            arm=served.arm,
            session=plain(asked.session),
            question=question_digest(asked),
        )

    def _bury(self, pen: Pen) -> list[str]:
        pen.head, died = pen.home.served.bury(pen.head)
        return died

    def _forget(self, pen: Pen) -> None:
        pen.home.served.forget_texts(written(datetime.now(UTC)))

    def _until(self) -> str:
        """The moment until which words of now are kept."""
        return written(datetime.now(UTC) + timedelta(days=min(self._keep_text_days or 0.0, LONGEST_DAYS)))

    def _pay(self, pen: Pen) -> None:
        """Ends that could not be kept. What this transaction writes is let go of when the next one finds it there."""
        with self._lock:
            owed = list(self._owed.values())
        for ended in owed:
            row = pen.home.served.get(ended.id)
            if row is None or row.end is not None:
                with self._lock:
                    self._owed.pop(ended.id, None)
            else:
                pen.head = pen.home.served.end(pen.head, ended)


class _Attempts:
    """Refused attempts: the first of its kind is a row at once, and those of the next second are counted, so that a flood of wrong
    keys is a row a second and not a full disk."""

    def __init__(self, writer: Writer, clock: Callable[[], float]) -> None:
        self._writer, self._clock = writer, clock
        self._lock = threading.Lock()
        self._since: dict[_Attempt, float] = {}
        self._more: dict[_Attempt, int] = {}

    def add(self, tenant: Tenant | None, what: str, refused: Refused) -> None:
        attempt = _Attempt(
            tenant=tenant.id if tenant else "",
            key=tenant.key if tenant else "",
            what=what,
            status=refused.status,
            code=refused.code or refused.type,
            reason=plain(refused.message, LONGEST_REASON),
        )
        with self._lock:
            known = self._place(attempt)
            if known is not None:
                self._more[known] = self._more.get(known, 0) + 1
                return
            due = self._due(self._clock())
        self._writer.do(lambda pen: self._write(pen, [*due, (attempt, 1)]))

    def flush(self, pen: Pen) -> None:
        with self._lock:
            due = self._due(float("inf"))
        self._write(pen, due)

    def _place(self, attempt: _Attempt) -> _Attempt | None:
        """The attempt that this one is counted with; None where it is a row of its own."""
        moment = self._clock()
        if moment - self._since.get(attempt, -WINDOW_S) < WINDOW_S:
            return attempt
        lately = sum(moment - since < WINDOW_S and one.tenant == attempt.tenant for one, since in self._since.items())
        if lately < DIFFERENT:
            self._since[attempt] = moment
            return None
        return attempt.like

    def _due(self, moment: float) -> list[tuple[_Attempt, int]]:
        """Counts whose second has gone by; they are forgotten here."""
        gone = [one for one in self._more if moment - self._since.get(one, -WINDOW_S) >= WINDOW_S]
        due = [(one, self._more.pop(one)) for one in gone]
        self._since = {one: since for one, since in self._since.items() if moment - since < WINDOW_S}
        return due

    def _write(self, pen: Pen, attempts: list[tuple[_Attempt, int]]) -> None:
        for attempt, times in attempts:
            id = "refused-" + secrets.token_hex(12)
            begun = Begun(id=id, tenant=attempt.tenant, key=attempt.key, endpoint="", model=attempt.what, times=times)
            pen.head = pen.home.served.begin(pen.head, begun)
            told = f"{attempt.code}: {attempt.reason}" if attempt.reason else attempt.code
            pen.head = pen.home.served.end(pen.head, Ended(id=id, ending=REFUSED, status=attempt.status, reason=told))


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    tenant: str
    key: str
    what: str
    status: int
    code: str
    reason: str

    @property
    def like(self) -> _Attempt:
        return _Attempt(tenant=self.tenant, key="", what=OTHERS, status=self.status, code=self.code, reason="")


def _ended(id: str, outcome: Outcome) -> Ended:
    answer = outcome.answer
    figures = {"first_s": outcome.first_s, "latency_s": outcome.latency_s}
    if answer is not None:
        figures |= {"prompt_tokens": answer.prompt_tokens, "cached_tokens": answer.cached_tokens}
        figures |= {"completion_tokens": answer.completion_tokens, "usd": answer.cost_usd}
    return Ended(
        id=id,
        ending=outcome.ending,
        status=outcome.status,
        reason=plain(outcome.reason, LONGEST_REASON),
        fallback=outcome.fallback,
        answer=answer_digest(answer) if answer is not None else "",
        **figures,  # type: ignore[arg-type]
    )


def _unkept() -> Refused:
    return Refused(
        503,
        "The server cannot keep its journal at the moment, and answers nothing that it could not account for.",
        type="server_error",
        code="journal_unavailable",
        retry_after_s=RETRY_S,
    )
