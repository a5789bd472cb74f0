"""A server that is killed while it answers, and one whose disk is full: the journal has every answer that a client has seen."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attack_wire import Wire

from rung.registry.home import Home, open_home
from rung.registry.served import DIED, UNDER_WAY

SERVER = Path(__file__).parent / "attack_server.py"
ROUNDS = 4 if "RUNG_ALL_ATTACKS" in os.environ else 1


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Wire]]:
    """A server, killed at the end."""
    made = subprocess.Popen([sys.executable, str(SERVER), str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert made.stdout is not None
        yield made, Wire(port=int(made.stdout.readline()))
    finally:
        made.kill()
        made.wait()


class Load:
    """Clients that ask until the server is gone, and keep the ids of what they saw: begun, by a stream's first event, or whole."""

    def __init__(self, wire: Wire, clients: int = 6) -> None:
        self.begun: list[str] = []
        self.whole: list[str] = []
        self._wire, self._stop = wire, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, number: int) -> None:
        while not self._stop.is_set():
            streams = number % 2 == 0
            try:
                came = self._wire.chat(("echo", "spam")[number % 3 == 0], f"good day {number}", stream=streams)
            except OSError:
                return
            if came.status != 200:
                continue
            text = came.body.decode("utf-8", "replace")
            told = text.partition("data: ")[2].partition("\n")[0] if streams else text
            try:
                id = json.loads(told)["id"]
            except ValueError:
                continue  # cut off before anything could be read of it
            self.begun.append(id)
            if not streams or "[DONE]" in text:
                self.whole.append(id)


def missing(home: Home, load: Load) -> tuple[list[str], list[str]]:
    """(answers that were begun, answers that were whole) of which the journal does not know that."""
    rows = {id: home.served.get(id) for id in load.begun}
    unknown = [id for id, row in rows.items() if row is None]
    open_still = [id for id in load.whole if (row := rows[id]) is not None and row.ending in (UNDER_WAY, DIED)]
    return unknown, open_still


def test_kill_under_load_loses_no_row(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    for _ in range(ROUNDS):
        with process(folder) as (made, wire):
            load = Load(wire)
            until = time.monotonic() + 20
            while len(load.whole) < 20 and time.monotonic() < until:
                time.sleep(0.05)
            made.send_signal(signal.SIGKILL)
            load.end()
        assert len(load.whole) >= 20
        with open_home(folder, write=True) as home:
            assert missing(home, load) == ([], [])
            assert home.integrity.faults() == []
    with process(folder) as (_, wire):
        assert wire.chat("echo").status == 200


def test_a_disk_that_is_full_answers_nothing_that_is_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    with process(folder) as (made, wire):
        assert wire.chat("echo").status == 200
        largest = max(file.stat().st_size for file in folder.glob("registry.db*"))
        resource.prlimit(made.pid, resource.RLIMIT_FSIZE, (largest + 4096, resource.RLIM_INFINITY))
        load = Load(wire, clients=3)
        until, refused = time.monotonic() + 20, False
        while not refused and time.monotonic() < until:
            refused = wire.chat("echo").status == 503
        resource.prlimit(made.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        load.end()
        assert refused
        until = time.monotonic() + 20
        while wire.chat("echo").status != 200:
            assert time.monotonic() < until, "with room again, it answers again"
            time.sleep(0.2)
    with open_home(folder, write=True) as home:
        assert missing(home, load) == ([], [])
