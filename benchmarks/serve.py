"""Eight tenants on eight adapters, asked of `rung serve` through HTTP, beside the same work by others, by turns in one run.

    python benchmarks/serve.py                        tokens a second, first tokens, cold adapters, memory
    python benchmarks/serve.py --registered 1000      beside a second server that has so many more adapters registered
    python benchmarks/serve.py --llama FOLDER         llama.cpp too, by a llama-cpp-python installed in FOLDER
    python benchmarks/serve.py --vllm PYTHON          vLLM's server too, by a Python that has it
    python benchmarks/serve.py --rounds 2 --tokens 24 a shorter look
    python benchmarks/serve.py --threads 1            where others use the machine: threads that wait for each other stand still

vLLM is asked through HTTP too, the same questions by as many clients. What the others do is their engine's own loop, without HTTP,
scheduler or text: PEFT's mixed batch (`adapter_names`) over transformers' model, and llama.cpp, whose server puts rows of one
adapter alone into a batch, with a step for each adapter in turn (weights of bfloat16 where the machine computes in it). Their
threads wait for each other as torch has them wait by itself. Seconds of the processor are of all threads, those that wait awake
included. All take turns, and ratios are of single turns, of which the median is told: believe these.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "300000")  # of the others' threads: torch's own, which it reads when it is loaded

from serve_peers import Llama, Peft, Vllm, make_adapters

from rung.cli.worlds import BASE
from rung.engine.bases.resolve import resolve
from rung.registry.home import Home, default_path, open_home
from rung.registry.names import Evidence
from rung.types import Candidate

TENANTS, RANK, SMALL_RANK, COLD = 8, 8, 1, 24
EIGHT = [f"t{number}" for number in range(TENANTS)]
QUESTION = "Write a long letter to the customer of order {0} about their parcel, the delay and the refund. " * 3


@dataclass(kw_only=True)
class Measured:
    """Of one way of answering, a figure for each round: tokens over wall seconds, and over seconds of the processor."""

    per_s: list[float] = field(default_factory=list)
    per_cpu_s: list[float] = field(default_factory=list)

    def add(self, tokens: int, seconds: float, cpu_s: float) -> None:
        self.per_s.append(tokens / seconds)
        self.per_cpu_s.append(tokens / cpu_s)

    def line(self, name: str) -> str:
        return f"| {name} | {statistics.median(self.per_s):.0f} | {max(self.per_s):.0f} | {statistics.median(self.per_cpu_s):.0f} |"


@dataclass(frozen=True, kw_only=True)
class Server:
    """`rung serve` in a process of its own."""

    address: str
    admin: str
    admin_key: str
    process: subprocess.Popen[str]
    keys: Sequence[str]

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)

    def ask(self, tenant: int, model: str, tokens: int, number: int, *, stream: bool = False) -> tuple[int, float, float]:
        """(tokens of the answer, seconds to its first piece, seconds to its last)."""
        import httpx

        content = QUESTION.format(1000 * tenant + number)
        body = {"model": model, "max_tokens": tokens, "messages": [{"role": "user", "content": content}], "stream": stream}
        headers = {"authorization": f"Bearer {self.keys[tenant]}"}
        began = time.perf_counter()
        with httpx.Client(timeout=600, headers=headers) as client:
            if not stream:
                said = client.post(f"{self.address}/chat/completions", json=body).raise_for_status().json()
                return said["usage"]["completion_tokens"], 0.0, time.perf_counter() - began
            first = 0.0
            with client.stream("POST", f"{self.address}/chat/completions", json=body) as answer:
                for line in answer.iter_lines():
                    if not first and '"content"' in line and '"content":""' not in line.replace(" ", ""):
                        first = time.perf_counter() - began
            return 0, first, time.perf_counter() - began

    def metric(self, name: str) -> float:
        import httpx

        headers = {"authorization": f"Bearer {self.admin_key}"}
        lines = httpx.get(f"{self.admin}/metrics", headers=headers).raise_for_status().text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), float("nan"))


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    with tempfile.TemporaryDirectory() as place, ExitStack() as open_:
        home = Path(place) / "home"
        _fill(home)
        folders = make_adapters(home, Path(place) / "adapters", TENANTS + COLD, RANK)
        servers = [open_.enter_context(_server(home, _register(home, folders, Path(place), 0)))]
        if options.registered:
            larger = Path(place) / "larger"
            _fill(larger)
            keys = _register(larger, folders, Path(place), options.registered)
            servers.append(open_.enter_context(_server(larger, keys)))
        used = f"{options.threads} threads, load {os.getloadavg()[0]:.0f}"
        print(f"{BASE}, {_processor()}, {used}")
        _rates(servers, home, folders, options)
        for server, more in zip(servers, (0, options.registered), strict=False):
            print(f"\n{TENANTS + COLD + more} adapters registered")
            _first_tokens(server, options.tokens)
            _cold(server)
            warm = server.metric("rung_engine_warm_bytes") / (1 << 20)
            print(f"resident {server.resident_mib():.0f} MiB, of adapters {warm:.0f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--registered", type=int, default=0)
    parser.add_argument("--llama", default="")
    parser.add_argument("--vllm", default="")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _fill(home: Path) -> None:
    home.mkdir(parents=True)
    for shared in ("downloads", "bases"):  # what was fetched before is not fetched again
        (default_path() / shared).mkdir(parents=True, exist_ok=True)
        (home / shared).symlink_to((default_path() / shared).resolve())
    os.environ["RUNG_HOME"] = str(home)


def _register(home: Path, folders: Sequence[Path], place: Path, more: int) -> list[str]:
    """The adapters as t0, t1, ..., and a key for each tenant."""
    base = resolve(BASE, home)
    small = make_adapters(home, place / "small", more, SMALL_RANK, targets=("q_proj",)) if more else []
    with open_home(home, write=True) as opened:
        for number, folder in enumerate([*folders, *small]):
            fields = {"base": base.pinned, "template": base.template_digest, "adapters": (opened.blobs.put_tree(folder),)}
            _named(opened, f"t{number}", Candidate(rung="r3_weights", max_tokens=256, **fields))
    return [_key(home, f"tenant{number}") for number in range(TENANTS)]


def _named(home: Home, name: str, candidate: Candidate) -> None:
    home.candidates.add(candidate, "")
    home.names.register(name, candidate.id, Evidence(claimed="of a benchmark"))


def _key(home: Path, name: str) -> str:
    run = [sys.executable, "-m", "rung", "tenant"]
    subprocess.run([*run, "add", name, "--json"], check=True, capture_output=True)
    made = subprocess.run([*run, "key", name, "--json"], check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


@contextmanager
def _server(home: Path, keys: Sequence[str]) -> Iterator[Server]:
    run = [sys.executable, "-m", "rung", "serve", "--port", "0", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment["RUNG_HOME"] = str(home)
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            text = ""
            while True:
                text += process.stdout.readline()
                try:
                    said = json.loads(text)
                    break
                except json.JSONDecodeError:
                    assert process.poll() is None, text
            where = {"address": said["address"], "admin": said["admin"], "admin_key": said["admin_key"]}
            server = Server(**where, process=process, keys=keys)
            for number in range(TENANTS):
                server.ask(number, f"t{number}", 2, 0)
            yield server
        finally:
            process.terminate()


def _rates(servers: Sequence[Server], home: Path, folders: Sequence[Path], options: argparse.Namespace) -> None:
    """Tokens a second of all who ask together."""
    base = resolve(BASE, home).folder
    assert base is not None
    prompts = [QUESTION.format(1000 * tenant) for tenant in range(TENANTS)]
    peft = Peft(base, folders[:TENANTS], prompts)
    site = options.llama
    llama = Llama(site, home, folders[:TENANTS], prompts, options.threads) if site else None
    ways: dict[str, Callable[[int], tuple[int, float, float]]] = {
        "rung serve, eight adapters": lambda turn: _asked(servers[0], EIGHT, options.tokens, turn),
        "rung serve, the base": lambda turn: _asked(servers[0], ["base"] * TENANTS, options.tokens, turn),
        "PEFT, eight adapters in a batch": lambda _turn: peft.run(options.tokens),
    }
    if llama:
        ways["llama.cpp, eight adapters in turn"] = lambda _turn: llama.run(options.tokens)
    if len(servers) > 1:
        ways[f"rung serve, eight of {options.registered} more"] = lambda turn: _asked(servers[1], EIGHT, options.tokens, turn)
    vllm = Vllm(options.vllm, base, folders[:TENANTS]) if options.vllm else None
    if vllm:
        ways["vLLM, eight adapters"] = lambda turn: vllm.run(
            [QUESTION.format(1000 * tenant + turn + 1) for tenant in range(TENANTS)], options.tokens
        )
    try:
        _compared(ways, options.rounds)
    finally:
        if vllm:
            vllm.close()


def _compared(ways: Mapping[str, Callable[[int], tuple[int, float, float]]], rounds: int) -> None:
    measured = {name: Measured() for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            figures = way(turn)
            print(f"{name}: {figures[0] / figures[1]:.0f} tokens/s, {figures[0] / figures[2]:.0f} a processor's", file=sys.stderr)
            if turn:  # the first warms
                measured[name].add(*figures)
    print("\n| | tokens/s, median | best | tokens a second of the processor |\n|---|---|---|---|")
    print("\n".join(one.line(name) for name, one in measured.items()))
    for by, told in (("", lambda one: one.per_s), ("by seconds of the processor: ", lambda one: one.per_cpu_s)):
        mixed, plain, *_ = (told(one) for one in measured.values())
        others = [told(one) for name, one in measured.items() if not name.startswith("rung serve")]
        larger = [told(one) for name, one in measured.items() if name.endswith(" more")]
        of_base, best = _by_turns(mixed, plain), _by_turns(mixed, max(others, key=statistics.median))
        said = f"eight adapters {of_base:.2f} of the base alone, {best:.2f} times the best of the others"
        print(by + said + "".join(f", {_by_turns(one, mixed):.2f} with more registered" for one in larger))


def _by_turns(some: Sequence[float], others: Sequence[float]) -> float:
    """The median of what each turn compares: the machine differs from turn to turn."""
    return statistics.median(one / other for one, other in zip(some, others, strict=True))


def _asked(server: Server, models: Sequence[str], tokens: int, turn: int) -> tuple[int, float, float]:
    """(tokens, seconds, seconds of the processor) of one question of each tenant."""
    found: list[int] = []

    def ask(tenant: int) -> None:
        found.append(server.ask(tenant, models[tenant], tokens, turn + 1)[0])

    threads = [threading.Thread(target=ask, args=(tenant,)) for tenant in range(TENANTS)]
    began, busy = time.perf_counter(), server.cpu_s()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found), time.perf_counter() - began, server.cpu_s() - busy


def _first_tokens(server: Server, tokens: int) -> None:
    """Alone, with seven others who write, and with one that floods."""
    alone = sorted(server.ask(0, "t0", 4, 5000 + number, stream=True)[1] for number in range(10))
    stop = threading.Event()

    def flood(place: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            server.ask(1, "t1", tokens, 100 * place + number + 20_000)

    floods = [threading.Thread(target=flood, args=(place,)) for place in range(24)]
    for thread in floods:
        thread.start()
    time.sleep(3)
    beside = sorted(server.ask(0, "t0", 4, 6000 + number, stream=True)[1] for number in range(10))
    stop.set()
    for thread in floods:
        thread.join()
    p50 = statistics.median
    told = f"alone {p50(alone) * 1e3:.0f} ms (p95 {_p95(alone) * 1e3:.0f}), under a flood of 24 by another tenant"
    print(f"first token: {told} {p50(beside) * 1e3:.0f} ms (p95 {_p95(beside) * 1e3:.0f}), {p50(beside) / p50(alone):.1f} times")


def _cold(server: Server) -> None:
    for number in range(COLD):
        server.ask(0, f"t{TENANTS + number}", 1, 1)
    print(f"cold adapters of rank {RANK}: p95 {server.metric('rung_engine_cold_s_p95') * 1e3:.0f} ms to have one in memory")


def _p95(some: Sequence[float]) -> float:
    return some[int(0.95 * (len(some) - 1))]


def _processor() -> str:
    import torch

    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return f"{names[0] if names else 'unknown'} ({torch.backends.cpu.get_cpu_capability()}, {len(names)} cores)"


if __name__ == "__main__":
    main()
