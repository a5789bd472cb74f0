"""Server-sent events: one question's answers as they are made, in the chunks of one endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from rung.engine.caller import Piece
from rung.serve.door import Delivered
from rung.serve.types import Refused, Served

DONE = b"data: [DONE]\n\n"


class Stream(Protocol):
    """How one endpoint tells answers as they come. Each method gives events' bodies; `place` is which of `n` answers it is."""

    named: bool

    def opened(self, served: Served, fingerprint: str) -> Iterator[dict[str, Any]]:
        """Before the first piece, once."""

    def piece(self, place: int, piece: Piece) -> Iterator[dict[str, Any]]:
        """A piece of an answer."""

    def ended(self, place: int, delivered: Delivered) -> Iterator[dict[str, Any]]:
        """A whole answer: what has not gone out of it, and how it ended."""

    def closed(self, delivered: Sequence[Delivered]) -> Iterator[dict[str, Any]]:
        """All answers are there."""

    def failed(self, refused: Refused) -> dict[str, Any]:
        """Something went wrong after the first event."""


def event(body: Mapping[str, Any], *, named: bool = False) -> bytes:
    """One event; `named` events say their type on a line of its own, as the Responses API has it."""
    name = f"event: {body['type']}\n" if named else ""
    return f"{name}data: {dumps(body)}\n\n".encode()


def dumps(body: Any) -> str:
    """JSON as it goes out."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
