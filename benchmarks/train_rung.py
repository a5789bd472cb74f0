"""This project's side of `train.py`, from whichever source tree PYTHONPATH names, in a process of its own.

    PYTHONPATH=src python train_rung.py JOB.json RESULT.json

The job names the base's folder, the rows as token ids with the start of what is supervised, the precision and the settings; with
`rate` the result has the rate of bare products of the model's shapes too, and the loop's share of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import torch

from rung.engine.local.model import LocalModel
from rung.train.config import TrainConfig
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer, make_order
from rung.train.rows import EncodedRow
from rung.train.schedule import learning_rate

SETTINGS = ("rank", "alpha", "learning_rate", "batch_rows", "seed", "epochs")


def run(job: dict) -> dict:
    """Every step of a run; useful tokens a second over all steps but the first, which warms up."""
    model = LocalModel.load(Path(job["base"]), dtype=getattr(torch, job["precision"]), device="cpu")
    rows = [EncodedRow(tuple(row["ids"]), row["start"]) for row in job["rows"]]
    config = TrainConfig.read({"method": "lora", "objective": "sft", **{name: job[name] for name in SETTINGS}})
    trainable, peak = apply_method(model, config)
    optimizer, order = make_optimizer(trainable, config, peak), make_order(rows, config)
    ends = []
    for step in range(order.steps):
        gradients(trainable, [rows[index] for index in order.at(step)], config, at=step + 1)
        apply_gradients(trainable, optimizer, learning_rate(step, order.steps, peak, config.warmup_share))
        ends.append((time.perf_counter(), time.process_time()))
    counted = sum(len(row.ids) for row in rows) * job["epochs"] * (order.steps - 1) / order.steps
    wall, cpu = (last - first for first, last in zip(ends[0], ends[-1], strict=True))
    folder = Path(job["out"])
    trainable.save(folder, {})
    weights = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    speeds = {"tokens_per_s": counted / wall, "tokens_per_cpu_s": counted / cpu}
    if job.get("rate"):
        batches = [[rows[index] for index in order.at(step)] for step in range(1, order.steps)]
        rates = product_rates(model, round(sum(map(needed_tokens, batches)) / len(batches)))
        needed = sum(needed_products(model, batch, job["rank"]) for batch in batches)
        speeds |= {"rate": rates[0], "share": needed / wall / rates[0], "cpu_share": needed / cpu / rates[1]}
    return {**speeds, "steps": order.steps, "folder": str(folder), "weights": weights}


def needed_tokens(batch: list[EncodedRow]) -> int:
    """What the rows begin with alike, once; no row's last, from which nothing is predicted; no padding."""
    shortest = min(row.start for row in batch) - 1
    shared = next((at for at in range(shortest) if len({row.ids[at] for row in batch}) > 1), shortest)
    return shared + sum(len(row.ids) - 1 - shared for row in batch)


def needed_products(model: LocalModel, batch: list[EncodedRow], rank: int) -> float:
    """Floating-point operations of the products that a step cannot do without: the base's forward and back, the adapter's thrice,
    the head's at supervised positions."""
    modules = [module for layer in model.config.products for each in layer.values() for module in each]
    base = sum(module.width_out * module.width_in for module in modules)
    adapter = sum(rank * (module.width_out + module.width_in) for module in modules)
    head = sum(len(row.ids) - row.start for row in batch) * model.config.vocabulary * model.config.width
    return 2.0 * (needed_tokens(batch) * (2 * base + 3 * adapter) + 2 * head)


def product_rates(model: LocalModel, tokens: int) -> tuple[float, float]:
    """Operations a second, and a CPU second, of a layer's products alone, the best of several turns."""
    widths = [(sum(module.width_out for module in each), each[0].width_in) for each in model.config.products[0].values()]
    dtype, best = model.decoder.dtype, [float("inf")] * 2
    pairs = [(torch.randn(tokens, into, dtype=dtype), torch.randn(out, into, dtype=dtype)) for out, into in widths]
    with torch.inference_mode():
        for _ in range(12):
            began = time.perf_counter(), time.process_time()
            for x, weight in pairs * 4:
                torch.nn.functional.linear(x, weight)
            ended = time.perf_counter(), time.process_time()
            best = [min(least, last - first) for least, first, last in zip(best, began, ended, strict=True)]
    operations = 4 * 2.0 * tokens * sum(out * into for out, into in widths)
    return operations / best[0], operations / best[1]


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    Path(sys.argv[2]).write_text(json.dumps(run(job)))


if __name__ == "__main__":
    main()
