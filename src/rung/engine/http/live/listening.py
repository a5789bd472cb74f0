"""One thread that listens to every server whose answers are waited for as they come: who leaves closes the line at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from queue import SimpleQueue
from typing import Any

from rung.engine.caller import Caller, Gone, Late

# How often it is looked whether anybody still waits.
_LOOK_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Head:
    """How a reply begins."""

    status: int
    headers: Mapping[str, str]


# What comes of a question, in order: the head, the body bit by bit, and None; or what went wrong.
Came = Head | bytes | BaseException | None


# How long a server may take to end a reply that has told all: then its line is used again.
_END_S = 0.5


@dataclass(kw_only=True, eq=False)
class Coming:
    """A question that is under way: what comes of it, by and by."""

    caller: Caller
    came: SimpleQueue[Came] = field(default_factory=SimpleQueue)
    task: asyncio.Task[None] | None = None
    told_all: bool = False

    def __iter__(self) -> Iterator[Head | bytes]:
        """Raises Gone, Late and httpx.TransportError."""
        while (came := self.came.get()) is not None:
            if isinstance(came, BaseException):
                raise came
            yield came

    def look(self, now: float) -> None:
        """Ends it where nobody waits any more."""
        if self.task is not None and not self.task.cancelling() and (why := why_left(self.caller, now)) is not None:
            self.came.put(why)
            self.task.cancel()


def why_left(caller: Caller, now: float) -> Gone | Late | None:
    """Why nobody waits for an answer any more; None where somebody does. `now` on time.monotonic."""
    if caller.gone.is_set():
        return Gone("who asked has left")
    if caller.deadline is not None and now >= caller.deadline:
        return Late("the answer did not come before its deadline")
    return None


def refuse_left(caller: Caller) -> None:
    """Raises Gone or Late where nobody waits any more."""
    if (why := why_left(caller, time.monotonic())) is not None:
        raise why


class Listener:
    """Runs an event loop in a thread of its own; what it hears is read in the thread that asked."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._calls: set[Coming] = set()
        self._watching: asyncio.Task[None] | None = None
        threading.Thread(target=self._loop.run_forever, name="rung-servers", daemon=True).start()

    @contextmanager
    def asked(self, client: Any, url: str, body: bytes, caller: Caller) -> Iterator[Coming]:
        """What comes back of a question, as it comes. The line is closed where the `with` is left before its end,
        unless the server has `told_all`.

        client  an httpx.AsyncClient that is used by this listener alone

        Raises Gone, Late and httpx.TransportError.
        """
        call = Coming(caller=caller)
        self._loop.call_soon_threadsafe(self._begin, call, client, url, body)
        try:
            yield call
        finally:
            self._loop.call_soon_threadsafe(self._end, call)

    def close(self, client: Any) -> None:
        """Closes the client's lines."""
        asyncio.run_coroutine_threadsafe(client.aclose(), self._loop)

    def _begin(self, call: Coming, client: Any, url: str, body: bytes) -> None:
        call.task = self._loop.create_task(_listen(call, client, url, body))
        self._calls.add(call)
        if self._watching is None or self._watching.done():
            self._watching = self._loop.create_task(self._watch())

    def _end(self, call: Coming) -> None:
        self._calls.discard(call)
        if call.task is None or call.task.done() or call.task.cancelling():
            return  # a second time, it would cut off the closing of the line
        if call.told_all:
            self._loop.call_later(_END_S, call.task.cancel)
        else:
            call.task.cancel()

    async def _watch(self) -> None:
        while self._calls:
            now = time.monotonic()
            for call in list(self._calls):
                call.look(now)
            await asyncio.sleep(_LOOK_S)


@cache
def listener() -> Listener:
    """The one of this process, begun when it is first asked for."""
    return Listener()


async def _listen(call: Coming, client: Any, url: str, body: bytes) -> None:
    try:
        sent = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
        async with client.stream("POST", url, content=body, headers=sent) as response:
            call.came.put(Head(status=response.status_code, headers=response.headers))
            async for data in response.aiter_bytes():
                call.came.put(data)
        call.came.put(None)
    except Exception as error:
        call.came.put(error)
