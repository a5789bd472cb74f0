"""Two processes that use each other's objects: plain values cross, all else stays at home and is asked. Standard library only.

What the other end says is data: nothing of it is run here, so a value that claims to equal everything arrives as what it is, the
name of an object over there.
"""

from __future__ import annotations

import asyncio
import builtins
import collections
import datetime
import decimal
import fractions
import inspect
import json
import operator
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

MOST_BYTES = 32 << 20
ENDED, OUT_OF_TIME = "the code ended before it had answered", "the code took too long"
UNFINISHED = "the tests ended without a verdict"
WALL, MORE_S = 2.0, 3.0  # by the clock twice the time of the processor, and some: a machine may be busy
_EXACT = 1 << 53
_COMPARED = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
_COUNTED = ("__add__", "__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__", "__pow__", "__and__", "__or__", "__xor__")
_ALONE: dict[str, Callable[..., Any]] = {
    "__len__": len, "__iter__": iter, "__next__": next, "__bool__": bool, "__str__": str, "__repr__": repr,
    "__neg__": operator.neg, "__abs__": abs, "__reversed__": reversed, "__float__": float, "__int__": int,
}  # fmt: skip
_DOES: dict[str, Callable[..., Any]] = {
    **_ALONE,
    **{name: getattr(operator, name) for name in (*_COMPARED, *_COUNTED, "__getitem__", "__setitem__", "__delitem__")},
    "__contains__": operator.contains,
    "__call__": lambda thing, *args, **named: thing(*args, **named),
    "__instancecheck__": lambda kind, thing: isinstance(thing, kind),
    "__enter__": lambda thing: thing.__enter__(),
    "__exit__": lambda thing, *_: thing.__exit__(None, None, None),
    "getattr": getattr,
    "setattr": setattr,
    "await": asyncio.run,
}
_MUTABLE = (list, dict, set, bytearray, collections.deque)
_DATES = {kind.__name__: kind for kind in (datetime.datetime, datetime.date, datetime.time)}


class Gone(BaseException):
    """The other process has ended, is too slow, or speaks nonsense. `except Exception` does not take it for what a test wants."""


class Remote:
    """An object of the other process. What is done to it is done there."""

    __slots__ = ("_at", "_peer")

    def __init__(self, peer: Peer, at: int) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_at", at)

    def __getattr__(self, name: str) -> Any:
        return self._peer.ask(self._at, "getattr", (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.ask(self._at, "setattr", (name, value))

    def __hash__(self) -> int:
        return hash(self._at)


def _forwarded(name: str) -> Callable[..., Any]:
    def does(self: Remote, *args: Any, **named: Any) -> Any:
        # Between an object over there and a value from here only the object's own word would count: it could say anything.
        if name in (*_COMPARED, *_COUNTED) and not isinstance(args[0], Remote):
            return NotImplemented
        return self._peer.ask(self._at, name, args, named)

    return does


for _name in _DOES:
    if _name.startswith("__"):
        setattr(Remote, _name, _forwarded(_name))


class Peer:
    """One end. `guarded`: the other end may call what it was given, and use its public attributes, and no more."""

    def __init__(self, reader: int, writer: int, *, guarded: bool, deadline: float = 0.0) -> None:
        self.last = ""
        self.gone = False
        self._reader, self._writer, self._guarded, self._deadline = reader, writer, guarded, deadline
        self._own: list[Any] = []
        self._errors: dict[str, type[BaseException]] = {}

    def ask(self, at: int, what: str, args: tuple[Any, ...] = (), named: dict[str, Any] | None = None) -> Any:
        """What came of it over there. Raises what it raised, and Gone."""
        self._send(["ask", at, what, [self.encode(arg) for arg in args], {k: self.encode(v) for k, v in (named or {}).items()}])
        while True:
            said = self._receive()
            if said[0] == "ask":
                self._serve(said)
                continue
            if said[0] == "error":
                raise self._error(said[1], said[2], said[3])
            for arg, new in zip(args, said[2], strict=False):
                if new is not None:
                    _become(arg, self.decode(new))
            result = self.decode(said[1])
            if what == "__call__":
                self.last = _short(result)
            return result

    def serve(self) -> None:
        """Answers until the other end is gone."""
        while True:
            self._serve(self._receive())

    def tell(self, value: Any) -> None:
        """Sends a plain value by itself."""
        self._send(value)

    def hear(self) -> Any:
        """A plain value that the other end told. Raises Gone."""
        return self._receive()

    def error_class(self, name: str, bases: list[str]) -> type[BaseException]:
        """A class here for a class of errors over there, so that it can be raised and caught."""
        found = self._errors.get(name)
        if found is None:
            base = next((kind for base in bases if (kind := _known_error(base)) is not None), Exception)
            found = self._errors[name] = type(name.rpartition(".")[2], (base,), {})
        return found

    def keep(self, thing: Any) -> list[Any]:
        """How an object of this end is named to the other."""
        if isinstance(thing, type) and issubclass(thing, BaseException):
            return ["E", *_names(thing)]
        self._own.append(thing)
        return ["h", len(self._own) - 1, "awaitable" if inspect.iscoroutine(thing) else ""]

    def encode(self, value: Any) -> Any:
        """A value as JSON; what is no plain value as the name of an object here."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Remote):
            return ["p", value._at] if value._peer is self else self.keep(value)
        for kind, write in _WRITERS:
            if isinstance(value, kind):
                return write(self, value)
        numpy = sys.modules.get("numpy")
        if numpy and isinstance(value, numpy.ndarray | numpy.generic) and value.dtype.kind in "biuf":
            return ["n", value.dtype.str, self.encode(value.tolist())]
        return self.keep(value)

    def decode(self, said: Any) -> Any:
        """What the other end named or wrote."""
        if not isinstance(said, list):
            return said
        return _READERS[said[0]](self, *said[1:])

    def own(self, at: int) -> Any:
        return self._own[at]

    def _serve(self, said: Any) -> None:
        _, at, what, args, named = said
        try:
            taken = [self.decode(arg) for arg in args]
            if self._guarded and (what not in ("__call__", "__iter__", "__next__", "__len__", "__bool__", "getattr", "setattr")):
                raise TypeError("this cannot be done with what a test hands over")
            if self._guarded and what.endswith("attr") and str(taken[0]).startswith("_"):
                raise AttributeError(str(taken[0]))
            result = _DOES[what](self._own[at], *taken, **{key: self.decode(part) for key, part in named.items()})
            changed = [self.encode(arg) if isinstance(arg, _MUTABLE) else None for arg in taken]
            answer = ["value", self.encode(result), [new if new != old else None for new, old in zip(changed, args, strict=True)]]
        except Gone:
            raise
        except BaseException as error:
            plain = [part if isinstance(part, str | int | float | bool | None) else str(part) for part in error.args]
            answer = ["error", *_names(type(error)), [self.encode(part) for part in plain]]
        self._send(answer)

    def _error(self, name: str, bases: list[str], args: list[Any]) -> BaseException:
        kind = _known_error(name) or self.error_class(name, bases)
        try:
            return kind(*[self.decode(part) for part in args])
        except Exception:
            return RuntimeError(f"{name}: {args}"[:400])

    def _send(self, message: Any) -> None:
        try:
            text = json.dumps(message).encode()
            data = memoryview(len(text).to_bytes(8, "big") + text)
            while data:
                data = data[os.write(self._writer, data) :]
        except OSError:
            self.gone = True
            raise Gone(ENDED) from None

    def _receive(self) -> Any:
        size = int.from_bytes(self._exactly(8), "big")
        if size > MOST_BYTES:
            self.gone = True
            raise Gone("what it gives is too large")
        try:
            return json.loads(self._exactly(size))
        except (ValueError, RecursionError):
            self.gone = True
            raise Gone("what it gives cannot be read") from None

    def _exactly(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            if self._deadline:
                left = self._deadline - time.monotonic()
                if left <= 0 or not select.select([self._reader], [], [], left)[0]:
                    self.gone = True
                    raise Gone(OUT_OF_TIME)
            part = os.read(self._reader, min(count - len(got), 1 << 20))
            if not part:
                self.gone = True
                raise Gone(ENDED)
            got += part
        return bytes(got)


def _become(old: Any, new: Any) -> None:
    """What was handed over and changed over there changes here, too."""
    if isinstance(old, list | bytearray):
        old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)
    elif isinstance(old, collections.deque):
        old.clear()
        old.extend(new)


def _short(value: Any) -> str:
    if isinstance(value, Remote):
        return "an object"
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _names(kind: type[BaseException]) -> list[Any]:
    return [f"{kind.__module__}.{kind.__qualname__}", [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__[1:]]]


def _known_error(name: str) -> type[BaseException] | None:
    """A class of errors of Python's own; of other modules one that is loaded here already."""
    module, _, short = name.rpartition(".")
    place = builtins if module == "builtins" else sys.modules.get(module) if module in sys.stdlib_module_names else None
    kind = getattr(place, short, None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else None


def _items(peer: Peer, values: Any) -> list[Any]:
    return [peer.encode(value) for value in values]


def _whole(_: Peer, value: int) -> Any:
    plain = int.__add__(value, 0)
    return plain if -_EXACT < plain < _EXACT else ["i", hex(plain)]


def _real(_: Peer, value: float) -> Any:
    plain = float.__add__(value, 0.0) if value else value
    return plain if plain - plain == 0 else ["f", repr(plain)]


# How values of each kind are written, the finer kinds first: a value of a kind made of one of these is written as that one.
_WRITERS: tuple[tuple[type, Callable[[Peer, Any], Any]], ...] = (
    (int, _whole),
    (float, _real),
    (str, lambda peer, value: str.__add__(value, "")),
    (list, lambda peer, value: ["l", _items(peer, list.__iter__(value))]),
    (tuple, lambda peer, value: ["t", _items(peer, tuple.__iter__(value))]),
    (dict, lambda peer, value: ["d", [_items(peer, pair) for pair in dict.items(value)]]),
    (set, lambda peer, value: ["s", _items(peer, set.__iter__(value))]),
    (frozenset, lambda peer, value: ["z", _items(peer, frozenset.__iter__(value))]),
    (bytes, lambda peer, value: ["b", bytes.hex(value)]),
    (bytearray, lambda peer, value: ["y", bytearray.hex(value)]),
    (complex, lambda peer, value: ["c", repr(value.real), repr(value.imag)]),
    (range, lambda peer, value: ["r", _items(peer, (value.start, value.stop, value.step))]),
    (collections.deque, lambda peer, value: ["q", _items(peer, value)]),
    (decimal.Decimal, lambda peer, value: ["D", decimal.Decimal.__str__(value)]),
    (fractions.Fraction, lambda peer, value: ["Q", hex(value.numerator), hex(value.denominator)]),
    (datetime.datetime, lambda peer, value: ["T", "datetime", datetime.datetime.isoformat(value)]),
    (datetime.date, lambda peer, value: ["T", "date", datetime.date.isoformat(value)]),
    (datetime.time, lambda peer, value: ["T", "time", datetime.time.isoformat(value)]),
    (datetime.timedelta, lambda peer, value: ["e", value.days, value.seconds, value.microseconds]),
)


def _object(peer: Peer, at: int, kind: str) -> Any:
    thing = Remote(peer, at)
    if kind != "awaitable":
        return thing

    async def awaitable() -> Any:
        return peer.ask(at, "await")

    return awaitable()


def _array(peer: Peer, kind: str, values: Any) -> Any:
    import numpy

    return numpy.array(peer.decode(values), dtype=kind)


def _all(peer: Peer, values: list[Any]) -> Iterator[Any]:
    return map(peer.decode, values)


_READERS: dict[str, Callable[..., Any]] = {
    "i": lambda peer, text: int(text, 16),
    "f": lambda peer, text: float(text),
    "l": lambda peer, values: list(_all(peer, values)),
    "t": lambda peer, values: tuple(_all(peer, values)),
    "d": lambda peer, pairs: {peer.decode(key): peer.decode(value) for key, value in pairs},
    "s": lambda peer, values: set(_all(peer, values)),
    "z": lambda peer, values: frozenset(_all(peer, values)),
    "b": lambda peer, text: bytes.fromhex(text),
    "y": lambda peer, text: bytearray.fromhex(text),
    "c": lambda peer, real, imaginary: complex(float(real), float(imaginary)),
    "r": lambda peer, values: range(*_all(peer, values)),
    "q": lambda peer, values: collections.deque(_all(peer, values)),
    "D": lambda peer, text: decimal.Decimal(text),
    "Q": lambda peer, above, below: fractions.Fraction(int(above, 16), int(below, 16)),
    "T": lambda peer, kind, text: _DATES[kind].fromisoformat(text),
    "e": lambda peer, *parts: datetime.timedelta(*parts),
    "h": _object,
    "p": lambda peer, at: peer.own(at),
    "E": lambda peer, name, bases: _known_error(name) or peer.error_class(name, bases),
    "n": _array,
}
