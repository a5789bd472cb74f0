"""A training run in a process of its own that kills itself, with SIGKILL, when it is told: `runner.py BASE WORK MOMENT THREADS`.

MOMENT is `never`, `step:N` (after N steps), `dev:N` (in the N-th dev score), `write:N` (checkpoint N written but not in place),
`save:N` (N-th adapter written but not in place), or `interrupt:N` (Ctrl-C in step N).
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from toys import FACTS, Told, load, settings, toy_rows

from rung.train import loop, resume
from rung.train.loop import train

# The size of what is added, halfway through the run.
MIDDLING = 1.2
SETTINGS = {"rank": 4, "epochs": 3, "batch_rows": 6, "learning_rate": 5e-3, "dev_every": 0.5, "patience": 50, "seed": 3}


class Trap:
    """Counts the times a moment comes; at the N-th it does not return."""

    def __init__(self, moment: str) -> None:
        self.kind, _, number = moment.partition(":")
        self.left = int(number or 0)

    def spring(self, kind: str) -> None:
        if kind == self.kind:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT if kind == "interrupt" else signal.SIGKILL)


class Watching:
    """A Progress that notices each step."""

    def __init__(self, trap: Trap) -> None:
        self.trap = trap

    @contextmanager
    def stage(self, title, total=None):
        yield self

    def advance(self, n=1, **facts):
        if "loss" in facts:
            self.trap.spring("step")

    def note(self, text):
        print(text, flush=True)


def run(base: Path, work: Path, moment: str = "never", **changed):
    trap = Trap(moment)

    def dev_score(folder: Path) -> float:
        """Depends on the adapter's bytes alone: best of a middling size, which training grows past: dev gets worse."""
        weights = load_file(folder / "adapter_model.safetensors")
        size = sum(float(weight.double().square().sum()) for name, weight in weights.items() if "lora_B" in name) ** 0.5
        return 1 / (1 + abs(size - MIDDLING))

    class Trapped(Told):
        def __call__(self, folder, best, rows):
            trap.spring("dev")
            return super().__call__(folder, best, rows)

    write, save, differentiate = os.replace, loop.Session._save, loop.gradients

    def replace(draft, file):
        if Path(file).name == resume.FILE:
            trap.spring("write")
        write(draft, file)

    def saved(session, step):
        folder = save(session, step)
        trap.spring("save")
        return folder

    def gradients(*arguments, **named):
        trap.spring("interrupt")
        return differentiate(*arguments, **named)

    os.replace, loop.Session._save, loop.gradients = replace, saved, gradients
    try:
        config = settings(**SETTINGS, **{"checkpoint_s": 0, **changed})
        return train(load(base), toy_rows(), config, work=work, dev=Trapped(dev_score), progress=Watching(trap), facts=FACTS)
    finally:
        os.replace, loop.Session._save, loop.gradients = write, save, differentiate


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[4]))
    print(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).folder)
