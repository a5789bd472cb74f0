"""Connections: one whose headers do not come is ended, and one that does not read what it asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_BYTES = 32 << 10


class Patient(H11Protocol):
    """uvicorn ends what is idle between two requests; what never says what it wants, or says it byte by byte, it keeps, and what
    never reads.

    header_s  seconds from the connection's beginning, and from its last answer, until all headers of a request must be there
    read_s    seconds until some of what waits to be sent must have been read
    """

    header_s, read_s = 20.0, 60.0
    timer: asyncio.TimerHandle | None = None
    unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._forgive()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._forgive()
        super().resume_writing()

    def _wait_for_reader(self) -> None:
        self._forgive()
        self.unread = self.loop.call_later(self.read_s, self._look, self.transport.get_write_buffer_size())

    def _look(self, waited_bytes: int) -> None:
        if self.transport.get_write_buffer_size() < waited_bytes:
            self._wait_for_reader()
        else:
            self.transport.abort()

    def _forgive(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

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


def patient(header_s: float, read_s: float) -> type[Patient]:
    """Connections of a server that waits so long for headers, and for who does not read."""
    return type("Patient", (Patient,), {"header_s": header_s, "read_s": read_s})
