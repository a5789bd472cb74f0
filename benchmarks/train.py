"""LoRA training on the tone task's rows: this project's loop against TRL's SFTTrainer + PEFT at its best CPU setting, side by side.

    python benchmarks/train.py [--rows 600] [--epochs 2] [--threads 2] [--cache FOLDER]
    python benchmarks/train.py --against OTHER/src       # this source tree and another one, by turns, instead of TRL
    python benchmarks/train.py --against OTHER/src --avx2    # both as on a processor with AVX2 alone, in float32

Same base, tokens, rank, targets, learning rate, schedule, epochs and rows a step; all in the precision that the engine chooses on
this machine. Useful tokens are those of the rows, prompt and answer, without padding; on a shared machine read them by CPU second,
with --threads 1. All adapters' dev losses come from one function of this project; two seeds of ours show how far chance alone moves
it. Every run is a process of its own. TRL lives in an environment of its own under the cache, made on the first run; nothing of it
becomes a dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
TASK = HERE.parent / "tasks" / "tone" / "task.yaml"
TRL = ("trl==1.16.*", "peft", "transformers", "torch==2.13.0")
BY = ("tokens_per_s", "tokens_per_cpu_s")
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "RUNG_PRECISION": "float32",
}


def main() -> None:
    options = parse()
    options.cache.mkdir(parents=True, exist_ok=True)
    python = None if options.against else trl_python(options.cache)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.avx2:
        os.environ |= AVX2
    sys.path.insert(0, str(SOURCE))
    model, train_rows, dev_rows = load(options)
    job = job_of(model, train_rows, options)
    tokens = sum(len(row.ids) for row in train_rows) / len(train_rows)
    print(f"{len(train_rows)} rows, {tokens:.0f} tokens each, {options.threads} threads", flush=True)
    imitated = ", as with AVX2 alone" if options.avx2 else ""
    print(f"{job['precision']} on {processor()}{imitated}", flush=True)
    print(f"answers to learn: {answers_of(model, train_rows)}", flush=True)
    if python is None:
        report_trees(by_turns(job, options), model, dev_rows)
        return
    before = ours(SOURCE, job, options.cache / "seed-0")
    theirs = trl(python, job, options)
    after = ours(SOURCE, job | {"seed": 1}, options.cache / "seed-1")
    report(model, dev_rows, (before, after), theirs)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=600, help="training rows (default 600)")
    parser.add_argument("--dev-rows", type=int, default=300, help="rows of the final dev loss (default 300)")
    parser.add_argument("--epochs", type=int, default=2, help="passes over the rows (default 2)")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of either side (default: all cores)")
    parser.add_argument("--probe-rows", type=int, default=96, help="rows on which TRL's settings are compared (default 96)")
    parser.add_argument("--against", type=Path, help="another checkout's src folder, compared with this one instead of TRL")
    parser.add_argument("--turns", type=int, default=3, help="runs of each tree with --against (default 3)")
    parser.add_argument("--rate", action="store_true", help="bare products of the model's shapes too (always with --against)")
    parser.add_argument("--avx2", action="store_true", help="as on a processor with AVX2 alone: float32, no wider instructions")
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
    """The base in the precision that the engine chooses here, and the tone task's rows as tokens."""
    import torch

    from rung.data.sample import sample
    from rung.engine.bases.resolve import resolve
    from rung.engine.local.model import LocalModel
    from rung.rungs.training import train_rows
    from rung.task.load import load_task
    from rung.train.rows import encode_rows
    from rung.types import Candidate

    torch.set_num_threads(options.threads)
    task = load_task(TASK, options.cache / "downloads")
    base = resolve(task.base, options.cache)
    model = LocalModel.load(base.folder, device="cpu")
    asked = Candidate(rung="r4_adapter", base=base.pinned, prompt=task.instruction)
    chosen = [sample(task.split(name), rows, task.seed) for name, rows in (("train", options.rows), ("dev", options.dev_rows))]
    train, dev = (encode_rows(model.tokenizer, train_rows(task, asked, rows), model.config.max_positions) for rows in chosen)
    return model, train, dev


def job_of(model, rows, options: argparse.Namespace) -> dict:
    """What every side is given."""
    return {
        "base": str(model.folder),
        "precision": str(model.decoder.dtype).removeprefix("torch."),
        "rows": [{"ids": row.ids, "start": row.start} for row in rows],
        "threads": options.threads,
        "epochs": options.epochs,
        "learning_rate": options.learning_rate,
        "rank": 16,
        "alpha": 32,
        "batch_rows": 16,
        "seed": 0,
        "rate": options.rate or options.against is not None,
    }


def answers_of(model, rows) -> str:
    """The commonest, with how many rows have each: a sample that is drawn has its share of all."""
    counts = Counter(model.tokenizer.decode(row.ids[row.start : -1]) for row in rows)
    return ", ".join(f"{count} {answer!r}" for answer, count in counts.most_common(4))


def processor() -> str:
    """Its name, as the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def ours(source: Path, job: dict, out: Path) -> dict:
    """One run by the source tree in this folder."""
    return side([sys.executable, HERE / "train_rung.py"], job | {"out": str(out)}, out, {"PYTHONPATH": str(source.resolve())})


def trl(python: Path, job: dict, options: argparse.Namespace) -> dict:
    """TRL's settings compared on a few rows, then the quickest on all of them."""
    out = options.cache / "out"
    environment = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return side([python, HERE / "train_trl.py"], job | {"probe_rows": options.probe_rows, "out": str(out)}, out, environment)


def side(command: list, job: dict, out: Path, environment: dict[str, str]) -> dict:
    """A side's result, which it computes in a process of its own."""
    files = [out.with_suffix(f".{name}.json") for name in ("job", "result")]
    files[0].write_text(json.dumps(job))
    files[1].unlink(missing_ok=True)
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*command, *files], check=True, env=others | environment, stdout=subprocess.DEVNULL)
    return json.loads(files[1].read_text())


def by_turns(job: dict, options: argparse.Namespace) -> dict[str, list[dict]]:
    """Runs of this tree and the other, one after the other, so that what else the machine does falls on both."""
    trees = {"this tree": SOURCE, "the other": options.against}
    runs: dict[str, list[dict]] = {name: [] for name in trees}
    for turn in range(options.turns):
        for name in list(trees) if turn % 2 else list(trees)[::-1]:
            runs[name].append(ours(trees[name], job, options.cache / name.replace(" ", "-")))
            print(f"  turn {turn + 1}, {name:10} {runs[name][-1]['tokens_per_cpu_s']:6.0f} useful tokens/CPU second", flush=True)
    return runs


def report_trees(runs: dict[str, list[dict]], model, dev_rows) -> None:
    """Medians of either tree, and whether both come to the same weights."""
    print(f"{'':12}{'useful tokens/s':>16}{'/CPU second':>13}{'dev loss':>10}")
    medians = {name: [median([run[by] for run in its]) for by in BY] for name, its in runs.items()}
    for name, its in runs.items():
        print(f"{name:12}{medians[name][0]:16.0f}{medians[name][1]:13.0f}{dev_loss(model, its[-1]['folder'], dev_rows):10.4f}")
    clock, cpu = (mine / other for mine, other in zip(*medians.values(), strict=True))
    print(f"ratio {clock:.2f}x by the clock, {cpu:.2f}x by CPU time")
    tell_rates(runs)
    weights = {run["weights"] for its in runs.values() for run in its}
    print("the trained weights are the same, byte for byte" if len(weights) == 1 else f"the trained weights differ: {weights}")
    print(f"repeat: {Path(sys.executable).name} {' '.join(sys.argv)}")


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def tell_rates(runs: dict[str, list[dict]]) -> None:
    """What bare products reach, and which share of that the loop does, on the products that these rows cannot do without."""
    for name, its in runs.items():
        rate, share, cpu_share = (median([run[key] for run in its]) for key in ("rate", "share", "cpu_share"))
        shares = f"{share:.0%} of that by the clock, {cpu_share:.0%} by CPU time"
        print(f"{name:12} bare products {rate / 1e9:.0f} GFLOP/s; the loop {shares}")


def dev_loss(model, adapter: str, rows) -> float:
    """Mean over the supervised tokens of `rows`, in float32 sums: the one measure of all adapters."""
    import torch

    from rung.engine.local.adapter import load_adapter
    from rung.train.batches import collate, micro_batches
    from rung.train.objectives import sft

    total = sum(row.supervised for row in rows)
    update = load_adapter(Path(adapter), model.config, model.decoder.device).update(model.decoder.dtype)
    with torch.no_grad():
        parts = (collate(part, model.decoder.device) for part in micro_batches(rows, 2048))
        return sum(sft.loss(model.decoder, update, part, total, sft.Config()).item() for part in parts)


def report(model, dev_rows, runs: tuple[dict, dict], theirs: dict) -> None:
    """Both sides' speeds and dev losses, and the ratios."""
    best = theirs["best"]
    for probe in theirs["probes"]:
        print(f"  probe: TRL {probe['variant']:18} {probe['tokens_per_s']:6.0f} useful tokens/s, {probe['batch']} rows a step")
    for variant, problem in theirs["refusals"].items():
        print(f"  probe: TRL {variant:18} does not run: {problem[:100]}")
    *losses, other = (dev_loss(model, run["folder"], dev_rows) for run in (*runs, best))
    whens = ("before TRL, seed 0", "after TRL, seed 1")
    lines = [(f"rung, {when}", run, loss) for when, run, loss in zip(whens, runs, losses, strict=True)]
    lines += [(f"TRL + PEFT, {best['variant']}", best, other)]
    print(f"{'':32}{'useful tokens/s':>16}{'/CPU second':>13}{'steps':>7}{'dev loss':>10}")
    for name, run, its_loss in lines:
        print(f"{name:32}{run['tokens_per_s']:16.0f}{run['tokens_per_cpu_s']:13.0f}{run['steps']:7}{its_loss:10.4f}")
    if "rate" in runs[0]:
        tell_rates({"rung": list(runs)})
    ratios = [sum(run[by] for run in runs) / len(runs) / best[by] for by in BY]
    print(f"ratio {ratios[0]:.2f}x by the clock, {ratios[1]:.2f}x by CPU time")
    against, between = 100 * (sum(losses) / len(losses) / other - 1), 100 * (losses[1] / losses[0] - 1)
    print(f"mean dev loss against TRL's {against:+.1f}%; between our own two seeds {between:+.1f}%")
    print(f"repeat: {Path(sys.executable).name} {' '.join(sys.argv)}")


if __name__ == "__main__":
    main()
