"""Any server that speaks OpenAI's chat completions: `base: https://host/v1#model`, its key in RUNG_API_KEY or OPENAI_API_KEY.

What a server may refuse and another demands (the name of the token limit, JSON schemas) is learnt from its own answer, once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rung.engine.backend import Budget, ContextTooLong, Keep, Request, Say, price_usd, quiet
from rung.engine.bases.resolve import Base
from rung.engine.caller import Gone, Late
from rung.engine.http.batch.batches import Batches, Pace
from rung.engine.http.batch.kept import Shelf
from rung.engine.http.batch.lines import Result
from rung.engine.http.batch.provider import Provider
from rung.engine.http.batch.rounds import LEAST, Rounds
from rung.engine.http.body import OPTIONAL, ROOM_FOR_THOUGHTS, Known, body_of, form
from rung.engine.http.completion import Completion, has_message, read_completion
from rung.engine.http.error_text import read_error
from rung.engine.http.finding import UNCHECKED, ServerFinding, how_cut
from rung.engine.http.identity import UNKNOWN, ServerIdentity, of_answer
from rung.engine.http.in_flight import InFlight
from rung.engine.http.line import Line, way_to
from rung.engine.http.live.asking import Live, Put
from rung.engine.http.live.hearing import Hearing
from rung.engine.http.refusals import Asked, NoAnswer, refused_for
from rung.engine.http.sampling import comes_as_it_is, drawn
from rung.engine.http.sending import Contact, Patience, Reply, is_passing, post, time_limits
from rung.engine.http.signs import is_too_long, most_tokens
from rung.engine.http.spending import Bill, Body, Purse, checked_prices
from rung.engine.http.stream import Begun, Stream
from rung.engine.http.unknown import unknown_field
from rung.errors import BrokenEnvironment, UserError
from rung.sources.address import ServerAddress
from rung.types import CUT_OFF, FAILED, REFUSED, Answer

# Less room than this for thoughts is none.
_LEAST_ROOM = 512
# Sends what a question is, in one way or another: the server's reply that is no passing fault.
_Post = Callable[[Body, Bill], Reply]


def open(base: Base, *, prices: Mapping[str, float] | None = None) -> OpenAIHTTP:
    """The server, not yet asked anything. Raises UserError for prices that say half."""
    purse = Purse(prices=checked_prices(prices))
    return OpenAIHTTP(reference=base.pinned, address=base.reference.name, model=base.reference.member, purse=purse)


@dataclass(kw_only=True)
class OpenAIHTTP:
    """A Backend over HTTP. What it costs by the task's prices comes out of the purse's budget."""

    reference: str
    address: str
    model: str
    purse: Purse = field(default_factory=Purse)
    patience: Patience = field(default_factory=Patience)
    contact: Contact = field(default_factory=Contact)
    template: str = ""
    finding: ServerFinding = UNCHECKED
    identity: ServerIdentity = UNKNOWN
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refused: set[str] = field(default_factory=set)
    _taken: set[str] = field(default_factory=set)
    _thinks: bool = False
    _longest: int | None = None
    pace: Pace = field(default_factory=Pace)
    look_away_s: float = 3600.0
    _shelf: Shelf | None = None
    _open: tuple[Any, Line] | None = field(default=None, repr=False)
    _live: Live | None = field(default=None, repr=False)

    def pay_from(self, budget: Budget) -> None:
        """Refuse from now on to ask what could go beyond the budget. Raises UserError for a limit without prices."""
        self.purse.pay_from(budget, self.address)

    def know(self, finding: ServerFinding) -> None:
        """Build every question from now on from what was found of the server."""
        self.finding = finding

    def by_batch(self, folder: Path) -> None:
        """Hand questions in as batches, from now on. `folder` keeps what is known of those that are under way."""
        self._shelf = Shelf(folder=folder)

    def hold_to(self, in_flight: int) -> None:
        """Ask so many questions at once, from now on, instead of as many as turn out to be worth it."""
        self.contact.in_flight = InFlight(fixed=in_flight)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One call for each request, several at a time. Raises UserError, ContextTooLong, BudgetSpent, BrokenEnvironment."""
        return self.answer_each(requests, lambda _answers: None)

    def answer_each(self, requests: Sequence[Request], keep: Keep, say: Say = quiet) -> list[Answer]:
        """The same. `keep` hears answers as soon as they are there: what was paid for is not lost with the rest.

        Requests that bear a Caller are asked one after the other, from as many threads as there are callers. Raises Gone, Late and
        Full for them.
        """
        requests = Begun.of(requests)
        if requests and requests[0].caller is not None:
            return self._told_live(requests, keep)
        self.contact.stopped.clear()
        line = self._line()
        others = _Others(address=self.address, is_alive=partial(self._is_alive, line))
        if self._shelf is not None and len(requests) >= LEAST:
            answers = self._by_batch(line, requests, others, keep, say)
        else:
            answers = self._streamed(line, requests, others, keep)
        answers |= {place: self._missing(requests[place], silence) for place, silence in others.silent.items()}
        if others.too_long:
            # Told together, with the others' answers: nothing is paid for twice.
            said = {place: error.problem for place, error in others.too_long.items()}
            raise ContextTooLong(said, answers, where=next(iter(others.too_long.values())).where)
        return [answers[place] for place in range(len(requests))]

    def _streamed(self, line: Line, requests: Sequence[Request], others: _Others, keep: Keep) -> dict[int, Answer]:
        return Stream(
            requests=requests,
            ask=partial(self._one, self._posting(line, self.patience)),
            body=self._body,
            keep=keep,
            failed=others.hear,
            purse=self.purse,
            contact=self.contact,
            where=self.address,
        ).run()

    def _told_live(self, requests: Sequence[Request], keep: Keep) -> list[Answer]:
        answers = []
        for place, request in enumerate(requests):
            answers.append(self._waited_for(drawn(request)))
            keep({place: answers[place]})
        return answers

    def _waited_for(self, request: Request) -> Answer:
        """One answer that somebody waits for, heard as it comes."""
        assert request.caller is not None
        hearing = Hearing(caller=request.caller, through=comes_as_it_is(request))
        body = self._body(request)
        with self.purse.paying(body, self.address) as bill:
            try:
                answer = self._one(self._posting_live(hearing), request, bill, once=lambda: bool(hearing.said))
            except NoAnswer as silence:
                answer = self._missing(request, silence)
            except ContextTooLong as error:
                if hearing.said:  # asked again with less, it would be heard twice
                    raise BrokenEnvironment(error.problem, where=self.address, hint="Ask again, with less.") from None
                raise
        return hearing.end(answer)

    def _posting_live(self, hearing: Hearing) -> _Post:
        live = self._live_lines()

        def sent(body: Body, bill: Bill) -> Reply:
            try:
                return live.ask(Put(body=body), hearing, partial(bill.lost, body))
            except (Gone, Late, BrokenEnvironment):
                bill.pay(None, body)  # it may have been billed
                raise

        return sent

    def _live_lines(self) -> Live:
        with self._lock:
            if self._live is None:
                self._live = Live(asked=self._asked, timeout=time_limits(self.patience))
            return self._live

    def close(self) -> None:
        """Nobody is asked any more."""
        if self._live is not None:
            self._live.close()

    def _by_batch(self, line: Line, requests: Sequence[Request], others: _Others, keep: Keep, say: Say) -> dict[int, Answer]:
        """By the server's batches; the few that are left without an answer are asked by themselves."""
        assert self._shelf is not None
        patience = self.patience
        provider = Provider(
            line=line, asked=self._asked, away_s=patience.away_s, look_away_s=self.look_away_s, first_s=patience.first_wait_s
        )
        batches = Batches(provider=provider, shelf=self._shelf, purse=self.purse, model=self.model, pace=self.pace)
        rounds = Rounds(batches=batches, body=self._body, read=self._read, failed=others.hear, keep=keep, say=say)
        left = rounds.run(requests)
        if len(left) >= LEAST:
            rounds.missing(left)
        elif left:
            places = list(left)
            again = replace(others, too_long={}, silent={})
            answers = self._streamed(
                line,
                [requests[place] for place in places],
                again,
                lambda came: keep({places[number]: said for number, said in came.items()}),
            )
            rounds.answers |= {places[number]: said for number, said in answers.items()}
            others.too_long |= {places[number]: error for number, error in again.too_long.items()}
            others.silent |= {places[number]: error for number, error in again.silent.items()}
        return rounds.answers

    def _read(self, request: Request, body: Body, result: Result, bill: Bill) -> Answer | None:
        """What came of a question in a batch; None where it is worth another try. Raises ContextTooLong, NoAnswer."""
        if result.status == 200 and has_message(result.content):
            known = self._known
            read = self._paid_for(Reply(status=200, text=result.text, content=result.content), request, body, bill)
            if read.thinks and not known.room and read.answer.finish_reason == CUT_OFF:
                with self._lock:
                    self._thinks = True
                return None
            price = read.answer.cost_usd
            return replace(read.answer, latency_s=None, cost_usd=None if price is None else price * bill.factor)
        if result.status in (0, 200) or is_passing(result.status):
            return None
        if self._learnt(result.status, result.text, body, request):
            return None
        raise refused_for(result.status, result.text, self._asked)

    def _line(self) -> Line:
        """An open line, kept between calls: a new one costs a connection, and its certificates, for each place."""
        asked, most = self._asked, self.contact.in_flight.most
        way = (*way_to(asked), self.patience, most)
        with self._lock:
            if self._open is None or self._open[0] != way:
                self._open = (way, Line(asked, time_limits(self.patience), most))
            return self._open[1]

    def _body(self, request: Request) -> dict[str, Any]:
        if request.adapters:
            raise UserError(
                "a server's model cannot be adapted from here", where=self.address, hint="Use a local base for r4 and r5."
            )
        return body_of(request, self.model, self._known)

    def _missing(self, request: Request, silence: NoAnswer) -> Answer:
        """One question without an answer does not end the work on others; a form that was never taken is the user's to mend."""
        if silence.reason == REFUSED and form(request) not in self._taken:
            raise silence.error from None
        return Answer(text="", finish_reason=silence.reason, fault=silence.fault)

    def _is_alive(self, line: Line) -> bool:
        """Whether the server answers the shortest of questions, now."""
        shortest = Request(messages=({"role": "user", "content": "Hi"},), max_tokens=1)
        try:
            with self.purse.paying(self._body(shortest), self.address) as bill:
                self._paid(self._posting(line, replace(self.patience, attempts=1)), shortest, bill)
        except NoAnswer as silence:
            return silence.reason != FAILED
        except BrokenEnvironment:
            return False
        return True

    @property
    def _asked(self) -> Asked:
        return Asked(address=ServerAddress.read(self.address), model=self.model)

    @property
    def _known(self) -> Known:
        with self._lock:
            room = ROOM_FOR_THOUGHTS if self._thinks or self.finding.thinks else 0
            return Known(finding=self.finding, refused=frozenset(self._refused), room=room, longest=self._longest)

    def _one(self, sent: _Post, request: Request, bill: Bill, *, once: Callable[[], bool] = lambda: False) -> Answer:
        """The answer; a thought that the limit cut off, of a model that was not known to think, has another try with more room.

        once  says that there can be no other try
        """
        known = self._known
        first = self._paid(sent, request, bill)
        if known.room or not first.thinks or first.answer.finish_reason != CUT_OFF or once():
            return first.answer
        with self._lock:
            self._thinks = True
        bill.more(self._body(request))
        second = self._paid(sent, request, bill).answer
        both = (first.answer.cost_usd, second.cost_usd)
        return replace(second, cost_usd=None if None in both else sum(filter(None, both)))

    def _paid(self, sent: _Post, request: Request, bill: Bill) -> Completion:
        reply, body = self._settled(sent, request, bill)
        return self._paid_for(reply, request, body, bill)

    def _paid_for(self, reply: Reply, request: Request, body: Body, bill: Bill) -> Completion:
        """The answer in a reply, paid. Raises ContextTooLong where the server read a part of the question only."""
        self._taken.add(form(request))
        read = read_completion(reply.content, request, reply.seconds)
        self.identity = of_answer(reply.content)
        answer = read.answer
        price = price_usd(self.purse.prices, answer)
        bill.pay(price, body)
        if cut := how_cut(request, answer, self.finding):
            raise ContextTooLong({0: cut}, where=self.address)
        return replace(read, answer=replace(answer, cost_usd=price))

    def _settled(self, sent: _Post, request: Request, bill: Bill) -> tuple[Reply, dict[str, Any]]:
        """The server's reply, and what it was sent once what it does not know has been left out. Raises NoAnswer."""
        room = self._known.room
        for _ in range(len(OPTIONAL) + 8):
            known = self._known
            body = body_of(request, self.model, replace(known, room=min(room, known.room)))
            reply = sent(body, bill)
            if reply.status == 200:
                return reply, body
            if room and is_too_long(reply.status, read_error(reply.text)):
                room = room // 2 if room > _LEAST_ROOM else 0
                continue
            if not self._learnt(reply.status, reply.text, body, request):
                break
        raise refused_for(reply.status, reply.text, self._asked)

    def _learnt(self, status: int, text: str, body: Body, request: Request) -> bool:
        """Whether a refusal says what to leave out, or to ask for less of: it is so from now on."""
        if (most := most_tokens(read_error(text))) is not None and self._shortened(body, most):
            return True
        unknown = unknown_field(body, status, text)
        held = unknown == "response_format" and request.constraint is not None and request.constraint.kind == "json_schema"
        if unknown is None or held:
            return False
        with self._lock:
            self._refused.add(unknown)
        return True

    def _posting(self, line: Line, patience: Patience) -> _Post:
        def sent(body: Body, bill: Bill) -> Reply:
            try:
                return post(line, self.address, body, patience, self.contact, partial(bill.lost, body))
            except NoAnswer as silence:
                if silence.lost:
                    bill.pay(None, body)
                raise

        return sent

    def _shortened(self, body: Mapping[str, Any], most: int) -> bool:
        """Asks for fewer tokens from now on: `most`, which the model writes, or half as many as before where that is 0.

        False where there is less than one to ask for.
        """
        asked: int = body.get("max_completion_tokens", body.get("max_tokens", 0))
        most = most if 0 < most < asked else asked // 2
        with self._lock:
            self._longest = min(most, self._longest or most)
        return most > 0


@dataclass(kw_only=True)
class _Others:
    """What came of questions that is no answer, by place: what was too long, and what came to nothing while others are answered."""

    address: str
    is_alive: Callable[[], bool]
    too_long: dict[int, ContextTooLong] = field(default_factory=dict)
    silent: dict[int, NoAnswer] = field(default_factory=dict)

    def hear(self, place: int, error: Exception) -> None:
        """One question's. Raises what ends the others as well."""
        if isinstance(error, ContextTooLong):
            self.too_long[place] = error
            return
        if not isinstance(error, NoAnswer):
            raise error
        if error.reason == FAILED and not self.is_alive():
            raise error.error from None
        self.silent[place] = error
