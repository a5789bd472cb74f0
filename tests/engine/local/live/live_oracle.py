"""Questions of several threads at once, and how each is answered alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from rung.engine.backend import Request
from rung.engine.caller import Piece
from rung.types import Answer

RANKS = (2, 8, 4, 1)


@dataclass
class Hearing:
    """What a caller was told."""

    pieces: list[Piece] = field(default_factory=list)
    first: threading.Event = field(default_factory=threading.Event)

    def __call__(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.first.set()

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def at_once(desk, requests: Sequence[Request]) -> list[Answer | BaseException]:
    """Each request from a thread of its own."""
    found: list[Answer | BaseException | None] = [None] * len(requests)

    def ask(place: int) -> None:
        try:
            found[place] = desk.answer([requests[place]])[0]
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return [said for said in found if said is not None]
