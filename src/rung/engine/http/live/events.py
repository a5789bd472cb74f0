"""Server-sent events, read: bytes as they come in, JSON objects out (HTML Standard, 9.2.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# A line that is longer is no event of an answer.
MOST_LINE = 8 << 20
DONE = "[DONE]"


class Garbled(Exception):
    """What comes is no event stream; says what it is."""


class Events:
    """The objects of a stream of events. `done` is set once the server has said that it has told all."""

    def __init__(self) -> None:
        self.done = False
        self._line = b""
        self._data: list[str] = []

    def read(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The objects that are whole with these bytes. Raises Garbled."""
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > MOST_LINE:
            raise Garbled(f"a line of more than {MOST_LINE:,} bytes")
        for line in lines:
            yield from self._take(line.rstrip(b"\r"))

    def end(self) -> Iterator[dict[str, Any]]:
        """What stood behind the last line's end: some servers leave out the empty line behind their last event."""
        rest, self._line = self._line, b""
        yield from self._take(rest.rstrip(b"\r"))
        yield from self._take(b"")

    def _take(self, line: bytes) -> Iterator[dict[str, Any]]:
        if not line:
            yield from self._event()
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            try:
                self._data.append(value.removeprefix(b" ").decode("utf-8"))
            except UnicodeDecodeError:
                raise Garbled(f"bytes that are no UTF-8: {value[:40]!r}") from None

    def _event(self) -> Iterator[dict[str, Any]]:
        written, self._data = self._data, []
        # An event is what stands up to an empty line; servers that leave that out write one object a line.
        for text in ["\n".join(written)] if _is_json("\n".join(written)) else written:
            if text.strip() == DONE:
                self.done = True
            elif text.strip():
                yield _object(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Garbled(f"an event that is no JSON: {text[:80]!r}") from None
    if not isinstance(value, dict):
        raise Garbled(f"an event that is no object: {text[:80]!r}")
    return value
