"""A server under mixed load for an hour, killed and hindered meanwhile: no wrong adapter, no lost row of the journal, memory flat.

    python benchmarks/serve_hour.py                  an hour
    python benchmarks/serve_hour.py --minutes 10     the nightly form
    python benchmarks/serve_hour.py --minutes 3      a look

A home has eight adapters, a linear model and a function over one tiny base. What each answers is computed first, as an evaluation
does, in float32. Then clients ask `rung serve` for them: whole and as streams, some leave on the way, some ask for what is not
there or send what is none, two hundred lines stay idle. In the first half the server is killed (SIGKILL) again and again, and
ended in order now and then; all the time the registry is locked by another process for a while, and the disk is full for a while.

At the end: every answer is the bytes that the evaluation gave for the same name, every answer that a client has seen begun is in
the journal, every whole one with its end, the chain holds, and the memory of the server at the end of the second half is at most a
tenth more than at its beginning. Exit code 1 where any of it is not so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

ADAPTERS, CLIENTS, IDLE = 8, 8, 200
QUESTIONS = [f"What is {word}?" for word in ("a gate", "a key", "rain", "nine", "slow", "the sea", "late", "a door")]
SCRIPT = "def answer(request):\n    return 'you said ' + request['messages'][-1]['content']\n"
FLAT = 1.10


def main() -> None:
    """Runs it, and says what came of it."""
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    os.environ["RUNG_PRECISION"] = "float32"
    with tempfile.TemporaryDirectory() as work:
        home = Path(work) / "home"
        expected = _filled(home)
        load = Load(expected=expected, seed=given.seed)
        server = Server(home=home, load=load)
        _run(server, load, given.minutes * 60, random.Random(given.seed))
        sys.exit(_told(home, load, server))


def _filled(folder: Path) -> dict[tuple[str, str], str]:
    """Registers what is served; gives what each answers to each question."""
    from tiny import make_tiny_model
    from tiny_adapter import make_tiny_adapter

    from rung.engine.answer import answer
    from rung.engine.bases.resolve import resolve
    from rung.engine.runtime import open_runtime
    from rung.registry.home import open_home
    from rung.registry.names import Evidence
    from rung.types import Candidate, Example

    folder.mkdir(parents=True)
    tiny = make_tiny_model(folder.parent / "tiny")
    (folder.parent / "model.py").write_text(SCRIPT)
    examples = [Example(id=str(place), messages=({"role": "user", "content": text},)) for place, text in enumerate(QUESTIONS)]
    expected = {}
    with open_home(folder, write=True) as home:
        base = resolve(str(tiny), home.path)
        script = resolve(f"scripted:{folder.parent}/model.py#answer", home.path)
        made = {"echo": Candidate(rung="r1_prompt", base=script.pinned)}
        made["plain"] = Candidate(rung="r1_prompt", base=base.pinned, template=base.template_digest, max_tokens=16)
        for number in range(ADAPTERS):
            adapter = make_tiny_adapter(tiny, folder.parent / f"a{number}", facts={"of": number}, rank=2 + number)
            fields = {"base": base.pinned, "template": base.template_digest, "max_tokens": 16}
            made[f"tone{number}"] = Candidate(rung="r4_adapter", adapters=(home.blobs.put_tree(adapter),), **fields)
        runtime = open_runtime(home.path, home.blobs)
        for name, candidate in made.items():
            home.candidates.add(candidate, "")
            home.names.register(name, candidate.id, Evidence(claimed="of a benchmark"))
            for example, said in zip(examples, answer(candidate, examples, runtime), strict=True):
                expected[name, example.messages[-1]["content"]] = said.text
    return expected


@dataclass(kw_only=True)
class Load:
    """Clients, and what they saw."""

    expected: dict[tuple[str, str], str]
    seed: int
    port: int = 0
    begun: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    came: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[threading.Thread]:
        """Clients, each in a thread."""
        threads = [threading.Thread(target=self._client, args=(number,), daemon=True) for number in range(CLIENTS)]
        threads.append(threading.Thread(target=self._idle, daemon=True))
        for thread in threads:
            thread.start()
        return threads

    def all_once(self) -> None:
        """Every question of every name, and what is strange."""
        for name, text in self.expected:
            self._post({"model": name, "messages": [{"role": "user", "content": text}], "temperature": 0})
        for seed in range(20):
            self._strange(random.Random(seed))

    def _client(self, number: int) -> None:
        lots = random.Random(self.seed * 100 + number)
        while not self.stop.is_set():
            try:
                kind = lots.choices((self._asked, self._streamed, self._left, self._strange), (5, 4, 1, 1))[0]
                kind(lots)
            except (OSError, HTTPException):
                self.came["line broke"] += 1
                time.sleep(0.1)

    def _question(self, lots: random.Random) -> tuple[str, str, dict[str, Any]]:
        name, text = lots.choice(list(self.expected))
        return name, text, {"model": name, "messages": [{"role": "user", "content": text}], "temperature": 0}

    def _asked(self, lots: random.Random) -> None:
        name, text, body = self._question(lots)
        status, data = self._post(body)
        self.came[str(status)] += 1
        if status == 200:
            told = json.loads(data)
            self._saw(told["id"], whole=True)
            self._hear(name, text, told["choices"][0]["message"]["content"])

    def _streamed(self, lots: random.Random) -> None:
        name, text, body = self._question(lots)
        with self._line() as line:
            line.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
            reply = line.getresponse()
            self.came[f"{reply.status} stream"] += 1
            said, done = "", False
            while reply.status == 200 and (row := reply.readline()):
                if row.strip() == b"data: [DONE]":
                    done = True
                elif row.startswith(b"data: "):
                    event = json.loads(row[6:])
                    self._saw(event.get("id"))
                    said += "".join(choice["delta"].get("content") or "" for choice in event.get("choices") or ())
                    done = done and "error" not in event
            if done:
                self._saw(event["id"], whole=True)
                self._hear(name, text, said)

    def _left(self, lots: random.Random) -> None:
        _, _, body = self._question(lots)
        with self._line() as line:
            line.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
            line.getresponse().readline()
            self.came["left"] += 1

    def _strange(self, lots: random.Random) -> None:
        """None of these is answered with 200, nor with 500."""
        body = lots.choice(
            [
                {"model": "../tone1", "messages": [{"role": "user", "content": "a"}]},
                {"model": "tone9", "messages": [{"role": "user", "content": "a"}]},
                {"model": "tone1", "messages": []},
                {"model": "tone1", "messages": [{"role": "user", "content": "word " * 20_000}]},
                {"model": "tone1", "lora_path": "/etc", "messages": [{"role": "user", "content": "a"}]},
            ]
        )
        status, _ = self._post(body)
        self.came[f"{status} strange"] += 1
        if status in (200, 500):
            self.wrong.append(("strange", json.dumps(body)[:80], str(status)))

    def _idle(self) -> None:
        while not self.stop.is_set():
            lines = []
            try:
                for _ in range(IDLE):
                    lines.append(socket.create_connection(("127.0.0.1", self.port), timeout=5))
            except OSError:
                pass
            self.stop.wait(15)
            for line in lines:
                line.close()

    def _saw(self, id: str | None, *, whole: bool = False) -> None:
        if id:
            self.begun.add(id)
            if whole:
                self.whole.add(id)

    def _hear(self, name: str, text: str, said: str) -> None:
        self.came["answers"] += 1
        if said != self.expected[name, text]:
            self.wrong.append((name, text, said))

    def _post(self, body: dict[str, Any]) -> tuple[int, bytes]:
        with self._line() as line:
            line.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
            reply = line.getresponse()
            return reply.status, reply.read()

    @contextmanager
    def _line(self) -> Iterator[HTTPConnection]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            yield line


@dataclass(kw_only=True)
class Server:
    """`rung serve`, started again as often as it ends."""

    home: Path
    load: Load
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    memory: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Waits until it answers."""
        if not self.load.port:
            with closing(socket.create_server(("127.0.0.1", 0))) as free:
                self.load.port = free.getsockname()[1]
        command = [sys.executable, "-m", "rung", "serve", "--port", str(self.load.port)]
        environment = {**os.environ, "RUNG_HOME": str(self.home)}
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        until = time.monotonic() + 120
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the server does not start")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            with closing(HTTPConnection("127.0.0.1", self.load.port, timeout=5)) as line:
                line.request("GET", "/readyz")
                return line.getresponse().status == 200
        except (OSError, HTTPException):
            return False

    def end(self, how: signal.Signals) -> None:
        """By a signal."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)
        self.kills += 1

    def look(self) -> None:
        """Notes how much memory it has, in MB."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        self.memory.append(pages * resource.getpagesize() / 1e6)

    def lock(self, seconds: float) -> None:
        """Another process holds the registry."""
        with closing(sqlite3.connect(self.home / "registry.db", isolation_level=None, timeout=5)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            other.execute("ROLLBACK")

    def fill_disk(self, seconds: float) -> None:
        """No file of the server may grow."""
        assert self.process is not None
        largest = max(file.stat().st_size for file in self.home.glob("registry.db*"))
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        time.sleep(seconds)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _run(server: Server, load: Load, seconds: float, lots: random.Random) -> None:
    server.start()
    began, threads = time.monotonic(), load.start()
    half = began + seconds / 2
    while time.monotonic() < half:
        time.sleep(lots.uniform(5, 15))
        server.end(lots.choices((signal.SIGKILL, signal.SIGTERM), (4, 1))[0])
        server.start()
        if lots.random() < 0.3:
            server.lock(lots.uniform(0.2, 3.0))
    load.all_once()  # what is kept for the next question is there, before memory is looked at
    end = max(began + seconds, time.monotonic() + seconds / 2)
    while time.monotonic() < end:
        server.look()
        hinder = lots.choices((server.lock, server.fill_disk, time.sleep), (1, 1, 4))[0]
        hinder(lots.uniform(0.5, 3.0))
        time.sleep(min(5.0, seconds / 60))
    load.stop.set()
    for thread in threads:
        thread.join(60)
    server.look()
    server.end(signal.SIGTERM)


def _told(folder: Path, load: Load, server: Server) -> int:
    from rung.registry.home import open_home
    from rung.registry.served import DIED, UNDER_WAY

    with open_home(folder, write=True) as home:
        rows = {id: home.served.get(id) for id in load.begun}
        lost = [id for id, row in rows.items() if row is None]
        open_still = [id for id in load.whole if (row := rows[id]) is None or row.ending in (UNDER_WAY, DIED)]
        faults = home.integrity.faults()
    early, late = _early_and_late(server.memory)
    print("memory of the server in MB:", *(f"{one:.0f}" for one in server.memory))
    print(f"{load.came['answers']:,} answers compared, {server.kills} ends of the server; {dict(sorted(load.came.items()))}")
    print(f"wrong answers: {len(load.wrong)} {load.wrong[:3]}")
    print(f"answers that were seen and are not in the journal: {len(lost)}; whole ones without their end: {len(open_still)}")
    print(f"faults of the chain: {len(faults)} {faults[:3]}")
    print(f"memory of the server: {early:,.0f} MB at the beginning of the second half, {late:,.0f} MB at its end")
    failed = bool(load.wrong or lost or open_still or faults or late > FLAT * early or not load.came["answers"])
    print("FAILED" if failed else "held")
    return int(failed)


def _early_and_late(memory: list[float]) -> tuple[float, float]:
    """Medians of the first and of the last quarter."""
    quarter = max(1, len(memory) // 4)
    return sorted(memory[:quarter])[quarter // 2], sorted(memory[-quarter:])[quarter // 2]


if __name__ == "__main__":
    main()
