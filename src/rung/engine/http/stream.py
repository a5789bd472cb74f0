"""Many questions to one server: as many under way as there are places, and each answer kept as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, overload

from rung.engine.backend import Keep, Request
from rung.engine.http.sending import Contact
from rung.engine.http.spending import Bill, Body, BudgetSpent, Purse
from rung.types import Answer

# How long answers are gathered for one entry.
_GATHER_S = 0.01
# Asks one question, and pays by its bill.
Ask = Callable[[Request, Bill], Answer]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question that is under way: its place among the requests, and what is put aside for it."""

    place: int
    bill: Bill


@dataclass(kw_only=True)
class Stream:
    """The questions of one call.

    ask, body   how one is asked, and what is sent for it
    keep        hears the answers that came together
    failed      hears what else came of a question; it may raise, which ends the rest

    In each round all answers that have come are kept, and the next questions are put aside for, in one entry: on a disk that takes
    its time a hundred answers a second are a few entries. Where the budget has no room for the most that the next question can
    cost, those under way are waited for first: they mostly cost less.
    """

    requests: Sequence[Request]
    ask: Ask
    body: Callable[[Request], Body]
    keep: Keep
    failed: Callable[[int, Exception], None]
    purse: Purse
    contact: Contact
    where: str
    answers: dict[int, Answer] = field(default_factory=dict)
    _next: int = 0
    _came: SimpleQueue[tuple[Asked, Future[Answer]]] = field(default_factory=SimpleQueue)
    _under_way: dict[int, tuple[Asked, Future[Answer]]] = field(default_factory=dict)
    _fresh: dict[int, Answer] = field(default_factory=dict)
    _made: dict[int, tuple[Request, Body]] = field(default_factory=dict)

    def run(self) -> dict[int, Answer]:
        """The answers by place. Raises what `failed` raises, and BudgetSpent, once what is under way has been told."""
        places = self.contact.in_flight
        with ThreadPoolExecutor(max_workers=_threads(places.most)) as pool:
            try:
                came: list[tuple[Asked, Future[Answer]]] = []
                while True:
                    self._make(len(came))
                    for asked, request in self._entered(came):
                        future = pool.submit(self.ask, request, asked.bill)
                        self._under_way[asked.place] = (asked, future)
                        future.add_done_callback(self._told(asked))
                    self._fail(came)
                    if not self._under_way:
                        if self._next == len(self.requests):
                            return self.answers
                        came = []
                        continue
                    came = self._wait()
            except BaseException:
                self._save()
                raise
            finally:
                places.pressed = False

    def _make(self, came: int) -> None:
        """The next requests, made before anything is locked: there may be much to look up for one. What `came` frees its places."""
        wanted = min(self._room() + came, len(self.requests) - self._next)
        for place in range(self._next, self._next + wanted):
            if place not in self._made:
                request = self.requests[place]
                self._made[place] = (request, self.body(request))

    def _room(self) -> int:
        limit = self.contact.in_flight.limit
        threads = _threads(self.contact.in_flight.most)
        return max(0, min(limit + _ahead(limit) + self.contact.resting, threads) - len(self._under_way))

    def _entered(self, came: Sequence[tuple[Asked, Future[Answer]]]) -> list[tuple[Asked, Request]]:
        """Keeps what came and puts aside for what goes out next: those questions."""
        out: list[tuple[Asked, Request]] = []
        spent: BudgetSpent | None = None
        with self.purse.entry():
            self._kept(came)
            while self._next in self._made and self._room() > len(out):
                request, body = self._made[self._next]
                try:
                    bill = self.purse.reserve(body, self.where)
                except BudgetSpent as error:
                    spent = error
                    break
                del self._made[self._next]
                out.append((Asked(place=self._next, bill=bill), request))
                self._next += 1
        self._fresh = {}
        if spent is not None and not self._under_way and not out:
            raise spent
        self.contact.in_flight.pressed = self._next < len(self.requests)
        return out

    def _kept(self, came: Sequence[tuple[Asked, Future[Answer]]]) -> None:
        for asked, future in came:
            asked.bill.settle()
            if future.exception() is None:
                self._fresh[asked.place] = future.result()
            self._under_way.pop(asked.place, None)
        if self._fresh:
            self.answers |= self._fresh
            self.keep(self._fresh)

    def _fail(self, came: Sequence[tuple[Asked, Future[Answer]]]) -> None:
        for asked, future in came:
            error = future.exception()
            if isinstance(error, Exception):
                self.failed(asked.place, error)
            elif error is not None:
                raise error

    def _told(self, asked: Asked) -> Callable[[Future[Any]], None]:
        return lambda future: self._came.put((asked, future))

    def _wait(self) -> list[tuple[Asked, Future[Answer]]]:
        """What has come, at least one."""
        came = [self._came.get()]
        if self.contact.in_flight.pressed:
            # Others are about to come; the places are taken meanwhile by what stands ready.
            time.sleep(_GATHER_S)
        try:
            while True:
                came.append(self._came.get_nowait())
        except Empty:
            return came

    def _save(self) -> None:
        """Nothing more is asked; what is under way is paid for, and is told when it comes."""
        self.contact.stopped.set()
        while self._under_way or self._fresh:
            came = list(self._under_way.values())
            wait([future for _, future in came])
            with self.purse.entry():
                self._kept(came)
            self._fresh = {}


class Begun(Sequence[Request]):
    """Requests of which the first has been looked at: each is made once, when it is asked for."""

    def __init__(self, first: Sequence[Request], rest: Sequence[Request]) -> None:
        self._first, self._rest = first, rest

    @classmethod
    def of(cls, requests: Sequence[Request]) -> Begun:
        return cls([requests[0]] if len(requests) else [], requests)

    def __len__(self) -> int:
        return len(self._rest)

    @overload
    def __getitem__(self, place: int) -> Request: ...

    @overload
    def __getitem__(self, place: slice) -> list[Request]: ...

    def __getitem__(self, place: int | slice) -> Request | list[Request]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        return self._first[0] if place == 0 else self._rest[place]


def _ahead(limit: int) -> int:
    """How many questions stand ready for a place, so that none is empty while answers are kept."""
    return max(2, limit)


def _threads(most: int) -> int:
    return 2 * most + 32
