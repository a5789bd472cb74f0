"""A base behind HTTP: an evaluation beside a bare asyncio client, and its spend to the cent while everything goes wrong.

    python benchmarks/http_bases.py                   both parts
    python benchmarks/http_bases.py --rows 3000       more rows for the throughput
    python benchmarks/http_bases.py --kills 10        more kills
    python benchmarks/http_bases.py --speed           the first part alone; --spend the second

Throughput: a server in a process of its own answers after 50 ms. Each side asks it 1,000 rows, in turn, three times; the medians
are compared. This side is `engine.answer.answer` as an evaluation uses it: prompts composed, choices constrained, a budget that is
written down before each question and with each answer, every answer kept in SQLite. The other is asyncio streams with keep-alive
and 16 questions in flight, which writes bytes made beforehand and reads the JSON. httpx.AsyncClient is shown as well.

Spend: the server refuses (429), fails (500), drops lines after it has billed, and is slow beyond the client's patience. The client
is killed by SIGKILL at random moments and started again, until every row is answered. Then the figures of both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request as Asked
from urllib.request import urlopen

from http_server import COMPLETION_TOKENS, PROMPT_TOKENS

from rung.climb.record import keep_spent, spent
from rung.engine.answer import answer
from rung.engine.backend import Budget
from rung.engine.backends.openai_http import OpenAIHTTP
from rung.engine.bases.resolve import resolve
from rung.engine.http.sending import Patience
from rung.engine.runtime import Runtime, open_runtime
from rung.parts import ChoiceConstraint
from rung.registry.home import Home, open_home
from rung.types import Candidate, Example

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
COST = (PROMPT_TOKENS * 1.0 + COMPLETION_TOKENS * 2.0) / 1e6
PROMPT = "Say whether the customer's message is positive or negative. " * 20
CLIMB, TASK = "c" * 64, "t" * 64
IN_FLIGHT, TURNS = 16, 3


def main() -> None:
    options = _options()
    if options.child:
        _child(Path(options.child), options.port, options.rows, options.usd)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if not options.spend:
        _speed(options.rows)
    if not options.speed:
        _spend(options.kills)


def _speed(rows: int) -> None:
    with _server(latency_s=0.05) as port:
        sides: dict[str, Callable[[int], float]] = {
            "asyncio streams, 16 in flight": lambda count: asyncio.run(_streams(port, count)),
            "httpx.AsyncClient, 16 in flight": lambda count: asyncio.run(_httpx(port, count)),
            "this evaluation": lambda count: _evaluation(port, count),
        }
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for side in sides.values():
            side(100)
        for _ in range(TURNS):
            for name, side in sides.items():
                rates[name].append(side(rows))
        middle = {name: sorted(found)[len(found) // 2] for name, found in rates.items()}
        for name, rate in middle.items():
            print(f"  {name:34}{rate:7.0f} answers/s  ({', '.join(f'{one:.0f}' for one in rates[name])})")
        best = max(rate for name, rate in middle.items() if name != "this evaluation")
        ratio = middle["this evaluation"] / best
        print(f"  ratio to the quicker client: {ratio:.2f} (at least 0.9), {rows:,} rows, 50 ms", flush=True)


def _evaluation(port: int, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder, open_home(folder, write=True) as home:
        runtime = _runtime(home, usd=1000.0)
        candidate, rows = _asked(port, home, count)
        runtime.backend_for(candidate.base)
        began = time.perf_counter()
        said = answer(candidate, rows, runtime)
        seconds = time.perf_counter() - began
        assert all(one.text == "positive" for one in said)
        assert abs(spent(home, CLIMB)[0] - count * COST) < 1e-9
    return count / seconds


def _runtime(home: Home, usd: float) -> Runtime:
    """As a climb has it: a budget in the climb's own record, every answer kept."""
    home.climbs.begin(CLIMB, form=1, task=TASK)
    budget = Budget(limit_usd=usd, together=home.together)
    budget.spent_usd, budget.batches = spent(home, CLIMB)
    budget.keep = lambda total: keep_spent(home, CLIMB, total, budget.batches)
    return open_runtime(home.path, home.blobs, cache_answers=home.answers, prices=PRICES, budget=budget)


def _asked(port: int, home: Home, count: int) -> tuple[Candidate, list[Example]]:
    base = resolve(f"http://127.0.0.1:{port}/v1#bench", home.path)
    choices = ChoiceConstraint(choices=("positive", "negative"))
    candidate = Candidate(rung="r1_prompt", base=base.pinned, prompt=PROMPT, constraint=choices, max_tokens=16)
    messages = [f"The parcel came late, and the box was torn: number {place}\nrow-{place}" for place in range(count)]
    return candidate, [Example(id=f"r{n}", messages=({"role": "user", "content": text},)) for n, text in enumerate(messages)]


def _body() -> dict[str, Any]:
    question = "The parcel came late, and the box was torn\nrow-1"
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]
    return {"model": "bench", "messages": messages, "max_tokens": 16, "temperature": 0.0, "seed": 0}


async def _streams(port: int, count: int) -> float:
    body = json.dumps(_body()).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    sent, todo = head.encode() + body, iter(range(count))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in todo:
            writer.write(sent)
            told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = int(told.partition("content-length:")[2].split()[0])
            json.loads(await reader.readexactly(size))["choices"][0]["message"]["content"]
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*[one() for _ in range(IN_FLIGHT)])
    return count / (time.perf_counter() - began)


async def _httpx(port: int, count: int) -> float:
    import httpx

    todo = iter(range(count))
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=IN_FLIGHT), trust_env=False) as client:

        async def one() -> None:
            for _ in todo:
                reply = await client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=_body())
                reply.json()["choices"][0]["message"]["content"]

        began = time.perf_counter()
        await asyncio.gather(*[one() for _ in range(IN_FLIGHT)])
        return count / (time.perf_counter() - began)


def _spend(kills: int, rows: int = 600) -> None:
    """Kills at random moments, then one run to the end; what the server billed beside what is written down."""
    chance = random.Random(12)
    faults = {"latency_s": 0.05, "refused": 0.05, "broken": 0.05, "dropped": 0.03, "slow": 0.02, "slow_s": 3.0}
    cap = rows * COST * 40
    with _server(**faults) as port, tempfile.TemporaryDirectory() as folder:
        again, exceeded, killed = 0, 0, 0
        while killed < kills:
            kept = _kept(folder, port, rows)
            child = _start(folder, port, rows, cap)
            try:
                child.wait(chance.uniform(1.0, 4.0))
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                killed += 1
            again += _asked_again(port, kept)
            exceeded += _written(folder) > cap + 1e-9
        kept = _kept(folder, port, rows)
        assert _start(folder, port, rows, cap).wait() == 0
        again += _asked_again(port, kept)
        _told(folder, port, rows, cap, killed=killed, again=again, exceeded=exceeded)


def _told(folder: str, port: int, rows: int, cap: float, *, killed: int, again: int, exceeded: int) -> None:
    bill = _get(port, "/bill")
    billed, written = sum(bill["billed"].values()) * COST, _written(folder)
    with open_home(folder) as home:
        candidate, examples = _asked(port, home, rows)
        said = home.answers.load(candidate.id, [row.digest for row in examples])
    recorded = sum(one.cost_usd or 0.0 for one in said.values())
    lost = sum(bill["billed"].values()) - len(said)
    print(f"  {rows} rows, {killed} kills, {bill['requests']:,} requests; {bill['most']} at once at the most")
    print(f"  kept {len(said)} answers, recorded as {recorded:.6f} USD; the server bills {COST:.6f} each: {len(said) * COST:.6f}")
    print(f"  billed in all {billed:.6f}: those, and {lost} answers that were lost on the way (dropped, too late, or killed)")
    print(f"  written down {written:.6f}: the answers, and the most that what was lost can have cost; the cap is {cap:.4f}")
    print(f"  rows asked again although their answer was kept: {again}; times the cap was exceeded: {exceeded}")
    assert len(said) == rows and abs(recorded - rows * COST) < 1e-9 and again == exceeded == 0
    assert recorded <= billed <= written + 1e-9 <= cap + 1e-9


def _child(folder: Path, port: int, rows: int, usd: float) -> None:
    with open_home(folder, write=True) as home:
        runtime = _runtime(home, usd)
        candidate, examples = _asked(port, home, rows)
        backend = runtime.backend_for(candidate.base)
        assert isinstance(backend, OpenAIHTTP)
        backend.patience = Patience(attempts=12, first_wait_s=0.1, timeout_s=1.0)
        answer(candidate, examples, runtime)


def _start(folder: str, port: int, rows: int, usd: float) -> subprocess.Popen[bytes]:
    words = ["--child", folder, "--port", str(port), "--rows", str(rows), "--usd", str(usd)]
    return subprocess.Popen([sys.executable, __file__, *words])


def _kept(folder: str, port: int, rows: int) -> dict[str, int]:
    """How often each row was asked so far whose answer is kept: a slow attempt may be billed after the answer of the next."""
    with open_home(folder, write=True) as home:
        candidate, examples = _asked(port, home, rows)
        known = home.answers.load(candidate.id, [row.digest for row in examples])
    asked = _get(port, "/bill")["asked"]
    return {f"row-{n}": asked.get(f"row-{n}", 0) for n, row in enumerate(examples) if row.digest in known}


def _asked_again(port: int, kept: dict[str, int]) -> int:
    asked = _get(port, "/bill")["asked"]
    return sum(asked.get(name, 0) > count for name, count in kept.items())


def _written(folder: str) -> float:
    with open_home(folder) as home:
        return spent(home, CLIMB)[0]


def _get(port: int, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.load(urlopen(Asked(f"http://127.0.0.1:{port}{path}")))
    return found


@contextmanager
def _server(**faults: float) -> Iterator[int]:
    words = [sys.executable, str(Path(__file__).with_name("http_server.py")), json.dumps(faults)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--spend", action="store_true")
    for name, kind in (("--child", str), ("--port", int), ("--usd", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
