"""From a request to its answer: a thread for each question, its pieces handed to the loop, and whoever leaves noticed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rung.engine.caller import Caller, Piece, nobody_hears
from rung.serve.door import Delivered, Door
from rung.serve.faults import LEFT, refusal
from rung.serve.openai.answers import headers_of
from rung.serve.openai.bodies import address_of, read_raw, session_of
from rung.serve.openai.fields import read_json
from rung.serve.openai.plan import Ask, Plan, Planner, Who
from rung.serve.openai.streams import DONE, dumps, event
from rung.serve.types import Refused, Served

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A question is admitted: what answers it."""

    served: Served
    fingerprint: str


# What a question's thread hands to the loop: which ask it is of, and a piece, the end, or why there is none.
News = tuple[int, Opened | Piece | Delivered | Refused]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What every endpoint works with: the door, and threads for questions and for what is quick."""

    door: Door
    questions: ThreadPoolExecutor
    quick: ThreadPoolExecutor

    async def read(self, request: Request) -> tuple[dict[str, Any], Who]:
        """A request's body, and who sent it. Who has no key is told so before a byte of the body is read. Raises Refused."""
        loop, door = asyncio.get_running_loop(), self.door
        key, address, session = request.headers.get("authorization"), address_of(request), session_of(request)
        tenant = await loop.run_in_executor(self.quick, door.tenant, key, address)
        raw = await read_raw(request, door.limits)
        return await loop.run_in_executor(self.quick, read_json, raw, door.limits), Who(tenant=tenant, session=session)

    async def answered(self, request: Request, planner: Planner) -> Response:
        """The response to a question. Raises Refused before anything of it has gone out."""
        loop, door = asyncio.get_running_loop(), self.door
        given, who = await self.read(request)
        plan = await loop.run_in_executor(self.quick, planner, given, who, door.limits)
        under_way = _UnderWay(self, plan, loop)
        try:
            news = await under_way.unless_left(request, under_way.next())
            if plan.stream:
                first = [news, *await under_way.unless_left(request, under_way.until_first(news))]
                return _streamed(under_way, first)
            return await under_way.unless_left(request, _whole(under_way, news))
        except BaseException:
            under_way.gone.set()
            raise


class _UnderWay:
    """A plan whose questions are being answered."""

    def __init__(self, desk: Desk, plan: Plan, loop: asyncio.AbstractEventLoop) -> None:
        self.plan, self._desk, self._loop = plan, desk, loop
        self.gone = threading.Event()
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._deadline = time.monotonic() + desk.door.limits.answer_s
        for number, ask in enumerate(plan.asks):
            desk.questions.submit(self._answer, number, ask)

    async def next(self) -> News:
        """What comes next. Raises Refused where that is why there is no answer."""
        number, what = await self._news.get()
        if isinstance(what, Refused):
            self.gone.set()
            raise what
        return number, what

    async def until_first(self, news: News) -> list[News]:
        """All that comes up to the first piece, so that what fails before it can still be told by its status."""
        come: list[News] = []
        while isinstance(news[1], Opened):
            news = await self.next()
            come.append(news)
        return come

    async def unless_left(self, request: Request, wanted: Coroutine[Any, Any, T]) -> T:
        """What is wanted, unless the client leaves first: then Refused, and the engine hears of it."""
        task = asyncio.ensure_future(wanted)
        leaves = asyncio.ensure_future(_left(request))
        try:
            await asyncio.wait({task, leaves}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Refused(LEFT, "The client has left.", code="client_gone")
        finally:
            for one in (task, leaves):
                one.cancel()

    def _answer(self, number: int, ask: Ask) -> None:
        """In a thread: one question, from the door to its end."""
        hear = (lambda piece: self._hand(number, piece)) if self.plan.stream else nobody_hears
        caller = Caller(sampling=ask.sampling, deadline=self._deadline, gone=self.gone, hear=hear)
        try:
            answer = self._desk.door.answer(
                ask.asked, caller, lambda served, fingerprint: self._hand(number, Opened(served=served, fingerprint=fingerprint))
            )
        except BaseException as error:
            self._hand(number, refusal(error, ask.asked.id))
        else:
            self._hand(number, answer)

    def _hand(self, number: int, what: Opened | Piece | Delivered | Refused) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._news.put_nowait, (number, what))


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _whole(under_way: _UnderWay, news: News) -> Response:
    """All answers in one body."""
    from starlette.responses import Response

    delivered: dict[int, Delivered] = {}
    plan = under_way.plan
    while True:
        number, what = news
        if isinstance(what, Delivered):
            delivered |= dict.fromkeys(plan.asks[number].places, what)
            if len(delivered) == sum(len(ask.places) for ask in plan.asks):
                break
        news = await under_way.next()
    placed = [delivered[place] for place in sorted(delivered)]
    first = placed[0]
    headers = headers_of(first.served, first.fingerprint, first.departs, plan.asks[0].asked.id)
    return Response(dumps(plan.telling.whole(placed)), media_type="application/json", headers=headers)


def _streamed(under_way: _UnderWay, first: Sequence[News]) -> Response:
    """The answers as events."""
    from starlette.responses import StreamingResponse

    opened = next(what for _, what in first if isinstance(what, Opened))
    ended = next((what for _, what in first if isinstance(what, Delivered)), None)
    served, fingerprint = (ended.served, ended.fingerprint) if ended else (opened.served, opened.fingerprint)
    headers = headers_of(served, fingerprint, ended.departs if ended else (), under_way.plan.asks[0].asked.id)
    headers |= {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(_events(under_way, list(first)), media_type=EVENTS, headers=headers)


async def _events(under_way: _UnderWay, first: list[News]) -> AsyncIterator[bytes]:
    telling = under_way.plan.telling
    tellers = _Tellers(under_way.plan)
    try:
        while not tellers.closed:
            number, what = first.pop(0) if first else await under_way.next()
            for body in tellers.tell(number, what):
                yield event(body, named=telling.named)
        if not telling.named:
            yield DONE
    except Exception as error:
        yield event(telling.failed(refusal(error, under_way.plan.asks[0].asked.id)), named=telling.named)
    finally:
        under_way.gone.set()


class _Tellers:
    """Turns news into events' bodies, at every place where it stands."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._opened, self.closed = plan, False, False
        self._delivered: dict[int, Delivered] = {}

    def tell(self, number: int, what: Opened | Piece | Delivered | Refused) -> Iterator[dict[str, Any]]:
        telling, places = self._plan.telling, self._plan.asks[number].places
        if isinstance(what, Opened) and not self._opened:
            self._opened = True
            yield from telling.opened(what.served, what.fingerprint)
        elif isinstance(what, Piece):
            for place in places:
                yield from telling.piece(place, what)
        elif isinstance(what, Delivered):
            for place in places:
                yield from telling.ended(place, what)
            self._delivered |= dict.fromkeys(places, what)
            if len(self._delivered) == sum(len(ask.places) for ask in self._plan.asks):
                yield from telling.closed([self._delivered[place] for place in sorted(self._delivered)])
                self.closed = True
