"""A checkpoint: all that the rest of a run depends on, in one file that is replaced whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from rung.disk import replacing
from rung.train.dev import Asked
from rung.train.trainable import write_errors

FILE = "checkpoint.safetensors"
FORMAT = "rung-checkpoint-2"


@dataclass(kw_only=True)
class State:
    """How far a run is.

    step       optimizer steps done
    asked      the last step after which dev was scored
    best_step  the first step of those that do best on dev so far, or the last step where dev is not asked
    best_score its score on the `best_rows` rows of dev that it has been asked by now; None before any
    since_best times that dev was asked since then
    dev_rows   rows that dev has been asked, all times together
    history    an entry for each step: step, loss, lr, tokens_per_s, dev_score (None where dev was not asked)
    """

    step: int = 0
    asked: int = 0
    best_step: int | None = None
    best_score: float | None = None
    best_rows: int = 0
    dev_rows: int = 0
    since_best: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def after_dev(self, said: Asked) -> State:
        """The state once dev has judged what `step` left."""
        known = replace(self, asked=self.step, best_rows=said.rows, dev_rows=self.dev_rows + said.asked)
        if self.best_step is None or said.better:
            return replace(known, best_step=self.step, best_score=said.score, since_best=0)
        return replace(known, best_score=said.best_score, since_best=self.since_best + 1)


def write_checkpoint(work: Path, identity: str, state: State, masters: Mapping[str, Tensor], optimizer: Optimizer) -> None:
    """Replace the checkpoint of `work`. Raises BrokenEnvironment where it cannot be written; the old one then stays.

    `identity` names what the run depends on: settings, rows, base. Data order and learning rate follow from it and the step.
    """
    tensors: dict[str, Tensor] = {}
    for name, master in masters.items():
        moments = optimizer.state.get(master, {})
        tensors[f"master/{name}"] = master.detach()
        tensors |= {f"{moment}/{name}": moments[moment] for moment in ("exp_avg", "exp_avg_sq") if moment in moments}
    with write_errors(work / FILE), replacing(work / FILE) as draft:
        metadata = {"format": FORMAT, "identity": identity, "state": json.dumps(asdict(state))}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(draft), metadata=metadata)


@dataclass(frozen=True)
class Restored:
    """A checkpoint's state, or why there is none to go on from (empty where there was no checkpoint)."""

    state: State | None
    reason: str = ""


def read_checkpoint(work: Path, identity: str, masters: Mapping[str, Tensor], optimizer: Optimizer) -> Restored:
    """Bring masters and optimizer to where the checkpoint of `work` left them; untouched where it is of another run or damaged."""
    file = work / FILE
    if not file.exists():
        return Restored(None)
    try:
        with safe_open(str(file), framework="pt") as reader:
            metadata = reader.metadata() or {}
            tensors = {name: reader.get_tensor(name) for name in reader.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        return Restored(None, f"the checkpoint cannot be read ({error})")
    if metadata.get("format") != FORMAT or metadata.get("identity") != identity:
        return Restored(None, "the checkpoint is of other settings, rows or base")
    state = State(**json.loads(metadata["state"]))
    if state.best_step is not None and not best_folder(work, state.best_step).is_dir():
        return Restored(None, "what the checkpoint calls the best so far is gone")
    _load(tensors, masters, optimizer, state.step)
    return Restored(state)


def steps_done(work: Path) -> int:
    """Steps of the run that the checkpoint of `work` left; 0 where there is none that can be read."""
    try:
        with safe_open(str(work / FILE), framework="pt") as reader:
            return int(json.loads((reader.metadata() or {})["state"])["step"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return 0


@torch.no_grad()
def _load(tensors: Mapping[str, Tensor], masters: Mapping[str, Tensor], optimizer: Optimizer, step: int) -> None:
    for name, master in masters.items():
        master.copy_(tensors[f"master/{name}"])
        moments = {moment: tensors[f"{moment}/{name}"] for moment in ("exp_avg", "exp_avg_sq") if f"{moment}/{name}" in tensors}
        if moments:
            here = {moment: tensor.to(master.device) for moment, tensor in moments.items()}
            optimizer.state[master] = {"step": torch.tensor(float(step), device=master.device), **here}


def best_folder(work: Path, step: int) -> Path:
    """Where what was saved after `step` lies."""
    return work / f"step-{step:08d}"


def forget_others(work: Path, keep: int | None) -> None:
    """Remove what was saved after other steps than `keep`. Only after the checkpoint that names `keep` is on disk."""
    kept = best_folder(work, keep).name if keep is not None else ""
    for folder in work.glob("step-*"):
        if folder.name != kept:
            shutil.rmtree(folder, ignore_errors=True)
