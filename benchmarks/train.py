"""LoRA training on the tone task's rows: this project's loop against TRL's SFTTrainer + PEFT at its best CPU setting, side by side.

    python benchmarks/train.py [--rows 600] [--epochs 2] [--threads 2] [--cache FOLDER]

Same base, tokens, rank, targets, learning rate, schedule, epochs and rows a step. Useful tokens are those of the rows, prompt and
answer, without padding; on a shared machine read them by CPU second, with --threads 1. All adapters' dev losses come from one
function of this project; two seeds of ours show how far chance alone moves it. TRL lives in an environment of its own under the
cache, made on the first run; nothing of it becomes a dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
TASK = HERE.parent / "tasks" / "tone" / "task.yaml"
TRL = ("trl==1.16.*", "peft", "transformers", "torch==2.13.0")


def main() -> None:
    options = parse()
    options.cache.mkdir(parents=True, exist_ok=True)
    python = trl_python(options.cache)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    model, train_rows, dev_rows = load(options)
    print(
        f"{len(train_rows)} rows, {tokens_of(train_rows) / len(train_rows):.0f} tokens each, {options.threads} threads", flush=True
    )
    settings = {"rank": 16, "alpha": 32, "learning_rate": options.learning_rate, "batch_rows": 16, "seed": 0}
    before = ours(model, train_rows, settings, options.epochs)
    theirs = trl(python, model.folder, train_rows, settings, options)
    after = ours(model, train_rows, settings | {"seed": 1}, options.epochs)
    report(model, dev_rows, (before, after), theirs)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=600, help="training rows (default 600)")
    parser.add_argument("--dev-rows", type=int, default=300, help="rows of the final dev loss (default 300)")
    parser.add_argument("--epochs", type=int, default=2, help="passes over the rows (default 2)")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of either side (default: all cores)")
    parser.add_argument("--probe-rows", type=int, default=96, help="rows on which TRL's settings are compared (default 96)")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "rung-benchmarks")
    return parser.parse_args()


def trl_python(cache: Path) -> Path:
    """The Python of TRL's environment, which is made where it is not there yet."""
    folder = cache / "trl"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print("installing TRL into an environment of its own", flush=True)
        venv.create(folder, with_pip=True)
        constraints = ["-c", str(HERE.parent / "constraints.txt")]
        subprocess.run([python, "-m", "pip", "install", "-q", *constraints, *TRL], check=True)
        (folder / "ready").touch()
    return python


def load(options: argparse.Namespace):
    """The base in bfloat16, and the tone task's rows as tokens."""
    import torch

    from rung.engine.bases.resolve import resolve
    from rung.engine.local.model import LocalModel
    from rung.rungs.training import train_rows
    from rung.task.load import load_task
    from rung.train.rows import encode_rows
    from rung.types import Candidate

    task = load_task(TASK, options.cache / "downloads")
    base = resolve(task.base, options.cache)
    model = LocalModel.load(base.folder, dtype=torch.bfloat16, device="cpu")
    asked = Candidate(rung="r4_adapter", base=base.pinned, prompt=task.instruction)
    chosen = task.split("train")[: options.rows], task.split("dev")[: options.dev_rows]
    train, dev = (encode_rows(model.tokenizer, train_rows(task, asked, rows), model.config.max_positions) for rows in chosen)
    return model, train, dev


def tokens_of(rows) -> int:
    return sum(len(row.ids) for row in rows)


def ours(model, rows, settings: dict, epochs: int) -> dict:
    """Every step of a run; useful tokens a second over all steps but the first, as for TRL."""
    from rung.train.config import TrainConfig
    from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer, make_order
    from rung.train.schedule import learning_rate

    config = TrainConfig(epochs=epochs, **settings)
    trainable, peak = apply_method(model, config)
    optimizer, order = make_optimizer(trainable, config, peak), make_order(rows, config)
    ends = []
    for step in range(order.steps):
        gradients(trainable, [rows[index] for index in order.at(step)], config, at=step + 1)
        apply_gradients(trainable, optimizer, learning_rate(step, order.steps, peak, config.warmup_share))
        ends.append((time.perf_counter(), time.process_time()))
    counted = tokens_of(rows) * epochs * (order.steps - 1) / order.steps
    wall, cpu = (last - first for first, last in zip(ends[0], ends[-1], strict=True))
    return {"tokens_per_s": counted / wall, "tokens_per_cpu_s": counted / cpu, "lora": trainable.adapter, "steps": order.steps}


def trl(python: Path, base: Path, rows, settings: dict, options: argparse.Namespace) -> dict:
    """TRL's settings compared on a few rows, then the quickest on all of them, in a process of its own."""
    job, result = options.cache / "job.json", options.cache / "result.json"
    content = {"base": str(base), "rows": [{"ids": row.ids, "start": row.start} for row in rows], **settings}
    content |= {
        "epochs": options.epochs,
        "threads": options.threads,
        "probe_rows": options.probe_rows,
        "out": str(options.cache / "out"),
    }
    job.write_text(json.dumps(content))
    result.unlink(missing_ok=True)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.pop("PYTHONPATH", None)
    subprocess.run([python, HERE / "train_trl.py", job, result], check=True, env=environment, stdout=subprocess.DEVNULL)
    return json.loads(result.read_text())


def dev_loss(model, lora, rows) -> float:
    """Mean over the supervised tokens of `rows`, in float32 sums: the one measure of both adapters."""
    import torch

    from rung.train.batches import collate, micro_batches
    from rung.train.objectives import sft

    total = sum(row.supervised for row in rows)
    update = lora.update(model.decoder.dtype)
    with torch.no_grad():
        parts = (collate(part, model.decoder.device) for part in micro_batches(rows, 2048))
        return sum(sft.loss(model.decoder, update, part, total).item() for part in parts)


def report(model, dev_rows, runs: tuple[dict, dict], theirs: dict) -> None:
    from rung.engine.local.adapter import load_adapter

    best = theirs["best"]
    for probe in theirs["probes"]:
        print(f"  probe: TRL {probe['variant']:18} {probe['tokens_per_s']:6.0f} useful tokens/s, {probe['batch']} rows a step")
    for variant, problem in theirs["refusals"].items():
        print(f"  probe: TRL {variant:18} does not run: {problem[:100]}")
    losses = [dev_loss(model, run["lora"], dev_rows) for run in runs]
    other = dev_loss(model, load_adapter(Path(best["folder"]), model.config, model.decoder.device), dev_rows)
    whens = ("before TRL, seed 0", "after TRL, seed 1")
    lines = [(f"rung, {when}", run, loss) for when, run, loss in zip(whens, runs, losses, strict=True)]
    lines += [(f"TRL + PEFT, {best['variant']}", best, other)]
    print(f"{'':32}{'useful tokens/s':>16}{'/CPU second':>13}{'steps':>7}{'dev loss':>10}")
    for name, run, its_loss in lines:
        print(f"{name:32}{run['tokens_per_s']:16.0f}{run['tokens_per_cpu_s']:13.0f}{run['steps']:7}{its_loss:10.4f}")
    ratios = [sum(run[by] for run in runs) / len(runs) / best[by] for by in ("tokens_per_s", "tokens_per_cpu_s")]
    print(f"ratio {ratios[0]:.2f}x by the clock, {ratios[1]:.2f}x by CPU time")
    against, between = 100 * (sum(losses) / len(losses) / other - 1), 100 * (losses[1] / losses[0] - 1)
    print(f"mean dev loss against TRL's {against:+.1f}%; between our own two seeds {between:+.1f}%")
    print(f"repeat: {Path(sys.executable).name} {' '.join(sys.argv)}")


if __name__ == "__main__":
    main()
