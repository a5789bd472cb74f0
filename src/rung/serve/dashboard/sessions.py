"""Who is logged in: sessions in memory, named by a cookie that no script can read, and how often a key may be tried.

Times are of a steady clock, so that one that is set back keeps nobody in. A server that is started anew knows no session.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

# A session ends when nothing was asked for in so many seconds, and after so many in any case.
IDLE_S, LONGEST_S = 1800.0, 43_200.0
MOST_SESSIONS = 1000
# Wrong keys that one address may show in WINDOW_S seconds, and all of them together.
TRIES, ALL_TRIES, WINDOW_S = 5, 50, 300.0
MOST_ADDRESSES = 4096


@dataclass(kw_only=True)
class Session:
    """Somebody who is logged in with a key (its id). `csrf` stands in every form of theirs; `notes` are told on their next page."""

    who: str
    key: str
    csrf: str
    began: float
    seen: float
    notes: list[Note] = field(default_factory=list)

    def take_notes(self) -> list[Note]:
        """What is to be told, once."""
        notes, self.notes = self.notes, []
        return notes


@dataclass(frozen=True, kw_only=True)
class Note:
    """One thing to be told: that something was done (`pass`), or could not be (`fail`); `hint` is what to do then.

    secret  what is shown this once and nowhere else
    """

    tone: str
    text: str
    hint: str = ""
    secret: str = ""


class Sessions:
    """All sessions of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, who: str, key: str) -> str:
        """A new session; returns its token, which is kept nowhere but with whoever has it."""
        token, moment = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._kept[_name(token)] = Session(who=who, key=key, csrf=secrets.token_urlsafe(32), began=moment, seen=moment)
            while len(self._kept) > MOST_SESSIONS:
                self._kept.popitem(last=False)
        return token

    def find(self, token: str, *, looks: bool = True) -> Session | None:
        """The session of a token; None where there is none or it has ended. A page that renews itself does not keep it going:
        then `looks` is False."""
        name, moment = _name(token), self._clock()
        with self._lock:
            session = self._kept.get(name)
            if session is None:
                return None
            if moment - session.seen > IDLE_S or moment - session.began > LONGEST_S:
                del self._kept[name]
                return None
            if looks:
                session.seen = moment
                self._kept.move_to_end(name)
            return session

    def end(self, token: str) -> None:
        """Logs out."""
        with self._lock:
            self._kept.pop(_name(token), None)


class Attempts:
    """Wrong keys, by address: whoever has shown too many waits before the next is looked at, right or wrong."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again; 0 where it may now."""
        with self._lock:
            moment = self._clock()
            mine = self._recent(self._wrong.get(address, []), moment)
            others = sorted(at for tried in self._wrong.values() for at in self._recent(tried, moment))
            waits = [mine[-TRIES] + WINDOW_S - moment] if len(mine) >= TRIES else []
            waits += [others[-ALL_TRIES] + WINDOW_S - moment] if len(others) >= ALL_TRIES else []
            return max([0.0, *waits])

    def wrong(self, address: str) -> None:
        """Counts a wrong key."""
        with self._lock:
            moment = self._clock()
            self._wrong[address] = [*self._recent(self._wrong.pop(address, []), moment), moment][-TRIES:]
            while len(self._wrong) > MOST_ADDRESSES:
                self._wrong.popitem(last=False)

    def right(self, address: str) -> None:
        """Forgets what an address has tried."""
        with self._lock:
            self._wrong.pop(address, None)

    @staticmethod
    def _recent(tried: list[float], moment: float) -> list[float]:
        return [at for at in tried if moment - at < WINDOW_S]


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how far; none is never the same as anything."""
    return bool(one) and hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _name(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
