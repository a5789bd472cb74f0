"""One thread of a server writes all that it keeps: whatever waits goes into one transaction, and who waits hears when it is kept.

So a hundred answers that begin at once cost one wait for the disk, and the rows of a server have one order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

from rung import __version__
from rung.errors import BrokenEnvironment, RungError
from rung.registry.home import Home
from rung.registry.processes import this_process
from rung.registry.segments import Head

T = TypeVar("T")
# How far the journal goes is put into the audit after so many seconds, or rows.
SEAL_S, SEAL_ROWS = 10.0, 2_000
BEAT_S, CHORES_S = 10.0, 60.0
# Work that one transaction does at most: who waits behind does not wait for ever.
AT_ONCE = 500


class Pen:
    """What a work writes with, inside the transaction: `head` is how far this server's segment goes, and moves on."""

    def __init__(self, home: Home, head: Head) -> None:
        self.home, self.head = home, head


class Writer:
    """The thread that writes. Close it when nothing comes any more."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        """clock  seconds, steadily growing."""
        self._home, self._clock = home, clock
        self._waiting: list[_Work[Any]] = []
        self._bell = threading.Condition()
        self._closing = False
        self._chores: list[Callable[[Pen], object]] = []
        self._head = home.segments.begin(this_process(), __version__)
        self._doubtful = False
        self._trouble = ""
        self._last = {"seal": clock(), "beat": clock(), "chores": clock()}
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def segment(self) -> str:
        """What this server's rows are under."""
        return self._head.segment

    @property
    def trouble(self) -> str:
        """Why nothing could be kept the last time, in words; "" where it was."""
        return self._trouble

    def every_minute(self, chore: Callable[[Pen], object]) -> None:
        """Has something done about once a minute."""
        with self._bell:
            self._chores.append(chore)

    def do(self, work: Callable[[Pen], T]) -> T:
        """Does it in the next transaction, and returns what it gave when that is kept. What it raises undoes it and is raised."""
        return self._put(work).result()

    def later(self, work: Callable[[Pen], object]) -> None:
        """Does it in the next transaction; nobody waits, and nobody hears where a server that is ending does not any more."""
        with suppress(BrokenEnvironment):
            self._put(work)

    def close(self) -> None:
        """Writes what waits, and seals this server's segment for good."""
        with self._bell:
            self._closing = True
            self._bell.notify()
        self._thread.join()
        with suppress(RungError):
            self._catch_up()
            with self._home.together():
                self._head = self._home.segments.seal(self._head, closed=True)

    def _put(self, work: Callable[[Pen], T]) -> Future[T]:
        asked = _Work(work)
        with self._bell:
            if self._closing:
                raise BrokenEnvironment("this server is ending", hint="Ask again: another may answer.")
            self._waiting.append(asked)
            self._bell.notify()
        return asked.future

    def _run(self) -> None:
        while True:
            with self._bell:
                if not self._waiting and not self._closing:
                    self._bell.wait(self._until())
                works, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                if not works and self._closing:
                    return
            if works:
                self._write(works)
            self._tend()

    def _until(self) -> float:
        moment = self._clock()
        due = {"seal": SEAL_S, "beat": BEAT_S, "chores": CHORES_S}
        return max(0.05, min(self._last[name] + every - moment for name, every in due.items()))

    def _write(self, works: list[_Work[Any]]) -> None:
        """All in one transaction; each in its own where one of them is refused, so that it spoils no other."""
        error = self._try(works)
        if error is not None and len(works) > 1 and not _is_everybodys(error):
            for work in works:
                self._told([work], self._try([work]))
        else:
            self._told(works, error)

    def _told(self, works: list[_Work[Any]], error: BaseException | None) -> None:
        for work in works:
            if error is not None:
                work.future.set_exception(error)
            else:
                work.future.set_result(work.result)

    def _try(self, works: list[_Work[Any]]) -> BaseException | None:
        """Does them in one transaction; gives what went wrong, where they are not kept."""
        try:
            self._catch_up()
            with self._home.together():
                pen = Pen(self._home, self._entered(self._head))
                for work in works:
                    work.result = work.asked(pen)
            self._head, self._trouble = pen.head, ""
        except BaseException as error:  # whoever waits is told, whatever it is
            self._doubtful = True
            self._trouble = str(error) or type(error).__name__
            return error
        return None

    def _catch_up(self) -> None:
        """Where it is not known whether the last transaction was kept, as when a connection breaks, what is stored says it."""
        if self._doubtful:
            self._head, self._doubtful = self._home.segments.head(self._head.segment), False

    def _entered(self, head: Head) -> Head:
        """The head; of a new segment where another server took this one for dead and has sealed its own."""
        if self._home.segments.holds(head):
            return head
        return self._home.segments.begin(this_process(), __version__)

    def _tend(self) -> None:
        """What is due: a seal, a sign of life, chores. What a full or busy disk refuses is due again."""
        moment = self._clock()
        unsealed = self._head.rows - self._head.sealed
        if unsealed >= SEAL_ROWS or (unsealed and moment - self._last["seal"] >= SEAL_S):
            self._due("seal", moment, self._seal)
        elif not unsealed:
            self._last["seal"] = moment
        if moment - self._last["beat"] >= BEAT_S:
            self._due("beat", moment, self._beat)
        if moment - self._last["chores"] >= CHORES_S:
            self._due("chores", moment, *self._chores)

    def _due(self, name: str, moment: float, *works: Callable[[Pen], object]) -> None:
        self._last[name] = moment
        for work in works:
            self._try([_Work(work)])

    def _seal(self, pen: Pen) -> None:
        pen.head = pen.home.segments.seal(pen.head)

    def _beat(self, pen: Pen) -> None:
        pen.home.segments.beat(pen.head)


class _Work(Generic[T]):
    """Something to write, and who waits for it."""

    def __init__(self, asked: Callable[[Pen], T]) -> None:
        self.asked, self.future = asked, Future[T]()
        self.result: T | None = None


def _is_everybodys(error: BaseException) -> bool:
    """Whether the disk or the database refuses, not one row."""
    from sqlalchemy.exc import OperationalError

    return isinstance(error, OSError) or (
        isinstance(error, BrokenEnvironment) and isinstance(error.__cause__, OperationalError | OSError | type(None))
    )
