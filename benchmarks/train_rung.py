"""This project's side of `train.py`, from whichever source tree PYTHONPATH names, in a process of its own.

    PYTHONPATH=src python train_rung.py JOB.json RESULT.json

The job names the base's folder, the rows as token ids with the start of what is supervised, the precision and the settings.
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
    return {**speeds, "steps": order.steps, "folder": str(folder), "weights": weights}


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    Path(sys.argv[2]).write_text(json.dumps(run(job)))


if __name__ == "__main__":
    main()
