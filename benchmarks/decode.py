"""A step of eight rows in the engine's own batch, without a server: the base alone, and an adapter for each row.

python benchmarks/decode.py                                       as a server computes it
python benchmarks/decode.py --plain                               weights as they are stored
python benchmarks/decode.py --threads 1                           for a processor that others use
GOMP_SPINCOUNT=1000 python benchmarks/decode.py                   threads that sleep between two products, as a climb's do
python benchmarks/decode.py --beside                              a program beside it that holds a core
python benchmarks/decode.py --second-set                          a second thread that has helpers of its own
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # a server's, which torch reads when it is loaded

import torch
from serve_peers import make_adapters

from rung.cli.worlds import BASE
from rung.engine.backend import AdapterUse
from rung.engine.bases.resolve import resolve
from rung.engine.local.adapters import BASE as NONE
from rung.engine.local.adapters import AdapterCache, Stack
from rung.engine.local.batch import Batch
from rung.engine.local.model import LocalModel
from rung.engine.local.rows import Ask
from rung.registry.home import default_path

ROWS, RANK = 8, 8
PROMPT = "Write a long letter to the customer of order {0} about their parcel, the delay and the refund. " * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for name in ("--plain", "--beside", "--second-set"):
        parser.add_argument(name, action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if options.beside else None
    try:
        _measure(options)
    finally:
        if busy:
            busy.kill()


def _measure(options: argparse.Namespace) -> None:
    folder = resolve(BASE, default_path()).folder
    assert folder is not None
    model = LocalModel.load(folder, device="cpu", answers=not options.plain)
    with tempfile.TemporaryDirectory() as place:
        cache = AdapterCache(model.decoder)
        adapters = [cache.stack([AdapterUse.of(one)]) for one in make_adapters(default_path(), Path(place), ROWS, RANK)]
        if options.second_set:
            _second_set()
        ways: dict[str, Sequence[Stack]] = {"the base": [NONE] * ROWS, "an adapter each": adapters}
        batches = {name: Batch(model.decoder, frozenset()) for name in ways}
        steps: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(options.turns + 2):
            for name, stacks in ways.items():
                took = _step_s(batches[name], model, stacks, options.tokens)
                if turn > 1:  # before, slots are not laid out for good
                    steps[name].append(took)
    said = f"{model.decoder.dtype}, {torch.backends.cpu.get_cpu_capability()}, {options.threads} threads"
    print(f"{said}, {os.environ['GOMP_SPINCOUNT']} turns awake, weights {'packed' if model.packed else 'as stored'}")
    for name, took in steps.items():
        print(f"{name}: {statistics.median(took) * 1e3:.0f} ms a step (least {min(took) * 1e3:.0f})")


def _step_s(batch: Batch, model: LocalModel, stacks: Sequence[Stack], tokens: int) -> float:
    """Seconds of a step behind the prompts."""
    for number, stack in enumerate(stacks):
        batch.add([Ask(ids=model.tokenizer(PROMPT.format(1000 * number))["input_ids"], max_tokens=tokens, stack=stack)])
    batch.step()
    began, count = time.perf_counter(), 0
    while batch:
        batch.step()
        count += 1
    return (time.perf_counter() - began) / count


def _second_set() -> None:
    """A thread that has computed once, and stays."""
    computed = threading.Event()

    def compute() -> None:
        torch.set_num_threads(torch.get_num_threads())
        torch.randn(512, 512) @ torch.randn(512, 512)
        computed.set()
        threading.Event().wait()

    threading.Thread(target=compute, daemon=True).start()
    computed.wait()


if __name__ == "__main__":
    main()
