"""A question that somebody waits for, put to a server: tried again while nothing was heard and there is time."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from rung.engine.caller import Caller, Full
from rung.engine.http.completion import has_message, json_object
from rung.engine.http.key import headers, masked
from rung.engine.http.line import decoded, read_status
from rung.engine.http.live.events import Events, Garbled
from rung.engine.http.live.gathering import Gathered
from rung.engine.http.live.hearing import Hearing
from rung.engine.http.live.listening import Coming, Head, listener, refuse_left
from rung.engine.http.rate import LONGEST_WAIT_S, asked_to_wait
from rung.engine.http.refusals import Asked, complaint, sent_on
from rung.engine.http.route import Route
from rung.engine.http.sending import Reply, is_passing
from rung.engine.http.unknown import is_lasting
from rung.errors import BrokenEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator

# How often what passes is tried again, and the first pause before; a server that says it is full is not asked again.
_AGAIN, _PAUSE_S = 2, 0.1
# What a server that has no room is given where it does not say how long.
_SOON_S = 1.0
# More than any answer, and more than any refusal, has.
_MOST_ANSWER, _MOST_REFUSAL = 64 << 20, 1 << 20
_FULL = (429, 503, 529)


class Other(Exception):
    """Another model answers than the one that was asked."""


@dataclass(frozen=True, kw_only=True)
class Put:
    """A question as it is put to a server.

    end     of the address that it is posted to; `body` what is posted
    model   that must say that it answers; "" where any may
    """

    body: Mapping[str, Any]
    end: str = "/chat/completions"
    model: str = ""


@dataclass(kw_only=True)
class Live:
    """The lines to one server for all who wait for its answers, called from many threads.

    most     so many wait at once; the next is told that it is full
    timeout  as httpx takes it, of each silence
    """

    asked: Asked
    timeout: Any
    most: int = 256
    _client: Any = field(default=None, repr=False)
    _under_way: int = 0
    _full_until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, put: Put, hearing: Hearing, lost: Callable[[], None] = lambda: None) -> Reply:
        """The server's reply, an answer put together or a refusal that lasts.

        lost  hears of each attempt that brought nothing and may have been billed, before the next is made

        Raises Gone, Late, Full, BrokenEnvironment, and UserError for what would be the same the next time; Other.
        """
        with self._place():
            for attempt in count():
                came = self._once(put, hearing)
                if isinstance(came, Reply):
                    return came
                if hearing.said or came.last or attempt == _AGAIN:
                    break
                if came.lost:
                    lost()
                _rest(hearing.caller, _PAUSE_S * 2**attempt * random.uniform(0.5, 1.0))
        assert isinstance(came, _Fault)
        broke = "broke off its answer" if hearing.said else "does not answer"
        raise BrokenEnvironment(f"the server {broke} ({came.problem})", where=str(self.asked.address), hint="Ask again.")

    def close(self) -> None:
        """No more is asked."""
        if self._client is not None:
            listener().close(self._client)

    @contextmanager
    def _place(self) -> Iterator[None]:
        with self._lock:
            wait = self._full_until - time.monotonic()
            if wait > 0:
                raise Full("the server asked to be left alone for a while", retry_after_s=wait)
            if self._under_way >= self.most:
                raise Full(f"{self.most} questions are under way at the server", retry_after_s=_SOON_S)
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _open(self) -> Any:
        import httpx

        with self._lock:
            if self._client is None:
                route = Route.of(self.asked.address)
                self._client = route.client(headers(self.asked.address), self.timeout, self.most, kind=httpx.AsyncClient)
            return self._client

    def _once(self, put: Put, hearing: Hearing) -> Reply | _Fault:
        import httpx

        refuse_left(hearing.caller)
        body = json.dumps({**put.body, "stream": True}, ensure_ascii=False).encode("utf-8", "replace")
        url, began = self.asked.address.to(put.end), time.perf_counter()
        try:
            with listener().asked(self._open(), url, body, hearing.caller) as came:
                reply = self._read(came, put, hearing)
        except httpx.TransportError as error:
            nobody = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            if (lasting := Route.of(self.asked.address).lasting(error)) is not None:
                raise lasting from None
            return _Fault(problem=masked(f"{type(error).__name__}: {error}".rstrip(": ")), lost=not nobody)
        except (Garbled, httpx.DecodingError) as error:
            return _Fault(problem=f"it sent {masked(str(error))}", lost=True)
        if isinstance(reply, Reply):
            return Reply(status=reply.status, text=reply.text, content=reply.content, seconds=time.perf_counter() - began)
        return reply

    def _read(self, coming: Coming, put: Put, hearing: Hearing) -> Reply | _Fault:
        came = iter(coming)
        head = next(came)
        assert isinstance(head, Head)
        if 300 <= head.status < 400:
            raise sent_on(head.status, head.headers.get("location", ""), self.asked)
        if head.status == 200 and "event-stream" in head.headers.get("content-type", ""):
            return self._streamed(coming, came, put, hearing)
        text = decoded(_all(came, _MOST_ANSWER if head.status == 200 else _MOST_REFUSAL))
        status = read_status(self.asked, head.status, text)
        if status == 200 and has_message(content := json_object(text) or {}):
            # It streams nothing: the answer is there at once.
            return _told_whole(content, put, hearing)
        return self._refused(status, text, head.headers)

    def _streamed(self, coming: Coming, came: Iterator[Head | bytes], put: Put, hearing: Hearing) -> Reply | _Fault:
        gathered, events, size = Gathered(), Events(), 0
        for data in came:
            assert isinstance(data, bytes)
            size += len(data)
            if size > _MOST_ANSWER:
                raise Garbled(f"an answer of more than {_MOST_ANSWER:,} bytes")
            for event in events.read(data):
                _hear(gathered, event, put, hearing)
            coming.told_all = events.done
            if hearing.stopped or events.done:
                break
        else:
            for event in events.end():
                _hear(gathered, event, put, hearing)
        if gathered.error is not None:
            text = json.dumps({"error": gathered.error})
            return self._refused(read_status(self.asked, 200, text), text, {})
        if not (hearing.stopped or events.done or gathered.ended):
            return _Fault(problem="the line was closed before the end", lost=True)
        if not has_message(gathered.content):
            return _Fault(problem="a stream that holds no answer", lost=True)
        return Reply(status=200, text="", content=gathered.content)

    def _refused(self, status: int, text: str, said: Mapping[str, str]) -> Reply | _Fault:
        if status == 429 and "insufficient_quota" in text:
            return _Fault(problem=f"HTTP 429: {complaint(text)}", last=True)
        asked = asked_to_wait(said, text if status == 429 else "")
        if status in _FULL and (status != 503 or asked is not None):
            with self._lock:
                if asked is not None:
                    self._full_until = max(self._full_until, time.monotonic() + min(asked, LONGEST_WAIT_S))
            raise Full(
                f"the server has no room (HTTP {status}: {complaint(text)})", retry_after_s=_SOON_S if asked is None else asked
            )
        if status == 200 or (is_passing(status) and not is_lasting(status, text)):
            return _Fault(problem=f"HTTP {status}: {complaint(text)}")
        return Reply(status=status, text=text, content=json_object(text) or {})


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """An attempt that brought nothing. `lost`: an answer was under way; `last`: no other attempt could bring more."""

    problem: str
    lost: bool = False
    last: bool = False


def _hear(gathered: Gathered, event: Mapping[str, Any], put: Put, hearing: Hearing) -> None:
    refuse_left(hearing.caller)
    text, tokens = gathered.take(event)
    if put.model and gathered.model and gathered.model != put.model:
        raise Other(gathered.model)
    if (text or tokens) and not hearing.stopped:
        hearing.take(text, tokens)


def _told_whole(content: Mapping[str, Any], put: Put, hearing: Hearing) -> Reply:
    gathered = Gathered()
    _hear(gathered, content, put, hearing)
    return Reply(status=200, text="", content=content)


def _all(came: Iterator[Head | bytes], most: int) -> bytes:
    parts, size = [], 0
    for data in came:
        assert isinstance(data, bytes)
        parts.append(data)
        size += len(data)
        if size > most:
            raise Garbled(f"a reply of more than {most:,} bytes")
    return b"".join(parts)


def _rest(caller: Caller, seconds: float) -> None:
    """A pause between attempts. Raises Gone and Late as soon as nobody waits."""
    left = seconds if caller.deadline is None else min(seconds, max(0.0, caller.deadline - time.monotonic()))
    caller.gone.wait(left)
    refuse_left(caller)
