"""Connections: one whose headers do not come is ended."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_BYTES = 32 << 10


class Patient(H11Protocol):
    """uvicorn ends what is idle between two requests; what never says what it wants, or says it byte by byte, it keeps.

    header_s  seconds from the connection's beginning, and from its last answer, until all headers of a request must be there
    """

    header_s = 20.0
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        if not self._waits():
            self._unwatch()
        elif self.timer is None:
            self.timer = self.loop.call_later(self.header_s, self._give_up)

    def _unwatch(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _give_up(self) -> None:
        self.timer = None
        if self._waits() and not self.transport.is_closing():
            self.transport.close()


def patient(header_s: float) -> type[Patient]:
    """Connections of a server that waits so long for headers."""
    return type("Patient", (Patient,), {"header_s": header_s})
