"""An adapter in memory, whatever its kind, and its files in PEFT's format, which all kinds share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from pydantic import BaseModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from rung import plugins
from rung.engine.local.shape import Shape
from rung.engine.local.update import Update
from rung.errors import UserError

SLOT = "adapter_kinds"
_PREFIX = "base_model.model."
SETTINGS_FILE, TENSORS_FILE, FACTS_FILE = "adapter_config.json", "adapter_model.safetensors", "rung.json"


class Kind(Protocol):
    """A module of `adapter_kinds/`. `config` is an instance of its own Config, `tensors` are float32 and named as PEFT names them.

    PEFT_TYPE      as `adapter_config.json` names the kind
    LEARNING_RATE  the peak that training takes where its user names none
    Config         its settings
    tensors()      the size of each tensor
    initialise()   the tensors that training starts from: together they change nothing
    update()       what the decoder takes, in its precision; differentiable with respect to the tensors
    idle()         why the tensors would change no answer; empty where they would
    kept()         numbers that autograd keeps for the backward pass, a token, beside the base's own
    to_peft()      the kind's own keys of `adapter_config.json`
    from_peft()    back again; raises UserError for a variant that is not computed exactly

    A kind that can make a smaller adapter of one has also `halve(folder, target)`, see `halve` below.
    """

    PEFT_TYPE: str
    LEARNING_RATE: float
    Config: type[BaseModel]

    def tensors(self, config: Any, shape: Shape) -> dict[str, tuple[int, ...]]: ...

    def initialise(self, config: Any, shape: Shape, generator: torch.Generator) -> dict[str, Tensor]: ...

    def update(self, config: Any, shape: Shape, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> Update: ...

    def idle(self, tensors: Mapping[str, Tensor]) -> str: ...

    def kept(self, config: Any, shape: Shape) -> int: ...

    def to_peft(self, config: Any, shape: Shape) -> dict[str, Any]: ...

    def from_peft(self, raw: Mapping[str, Any], where: str) -> BaseModel: ...


class Adapter:
    """One adapter on a base of this shape: its kind, settings and tensors."""

    def __init__(self, kind: Kind, config: BaseModel, shape: Shape, tensors: dict[str, Tensor]) -> None:
        self.kind, self.config, self.shape, self.tensors = kind, config, shape, tensors

    @classmethod
    def initialise(cls, kind: Kind, config: BaseModel, shape: Shape, seed: int, device: torch.device) -> Adapter:
        """A fresh one, decided by the seed, that leaves the base as it is."""
        made = kind.initialise(config, shape, torch.Generator().manual_seed(seed))
        return cls(kind, config, shape, {name: tensor.to(device) for name, tensor in made.items()})

    def update(self, dtype: torch.dtype) -> Update:
        """What the decoder takes, in its precision. Differentiable with respect to `tensors`."""
        return self.kind.update(self.config, self.shape, self.tensors, dtype)

    def problem(self) -> str | None:
        """Why this adapter must not be used: an update that is not finite, or that changes nothing."""
        bad = [name for name, tensor in self.tensors.items() if not torch.isfinite(tensor).all()]
        if bad:
            return f"the adapter's update is not finite ({bad[0]})"
        idle = self.kind.idle(self.tensors)
        return f"the adapter's update is null: {idle}" if idle else None

    def save(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write PEFT's two files and `rung.json` (`facts`: what it was trained on).

        Raises UserError for an update that is null or not finite.
        """
        if problem := self.problem():
            raise UserError(problem, where=str(folder), hint="It was not saved: lower the learning rate, or train for longer.")
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"{_PREFIX}{name}": tensor.detach().cpu().contiguous() for name, tensor in sorted(self.tensors.items())}
        save_file(tensors, str(folder / TENSORS_FILE), metadata={"format": "pt"})
        config = {
            "peft_type": self.kind.PEFT_TYPE,
            "task_type": "CAUSAL_LM",
            "inference_mode": True,
            "base_model_name_or_path": facts.get("base", ""),
            **self.kind.to_peft(self.config, self.shape),
        }
        for name, value in ((SETTINGS_FILE, config), (FACTS_FILE, facts)):
            (folder / name).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")


def load_adapter(folder: Path, shape: Shape, device: torch.device) -> Adapter:
    """Read an adapter in PEFT's format. Raises UserError for a kind, a module or a shape that cannot be applied exactly."""
    where = str(folder / SETTINGS_FILE)
    raw = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
    kind = _kind_of(raw, where)
    config = kind.from_peft(raw, where)
    stored = load_file(str(folder / TENSORS_FILE))
    tensors = {name.removeprefix(_PREFIX): tensor.float().to(device) for name, tensor in stored.items()}
    expected = kind.tensors(config, shape)
    if tensors.keys() != expected.keys():
        odd = sorted(tensors.keys() ^ expected.keys())[:3]
        raise UserError(f"the adapter does not fit the base: {', '.join(odd)}", where=where, hint="Was it trained on another base?")
    for name, size in expected.items():
        if tuple(tensors[name].shape) != size:
            raise UserError(f"{name} has shape {tuple(tensors[name].shape)}, the base needs {size}", where=where)
    adapter = Adapter(kind, config, shape, tensors)
    if problem := adapter.problem():
        raise UserError(problem, where=str(folder))
    return adapter


def halve(folder: Path, target: Path) -> Path | None:
    """Write to `target` an adapter of half the size that does nearly the same; None where its kind has no such thing."""
    kind = _kind_of(json.loads((folder / SETTINGS_FILE).read_text("utf-8")), str(folder / SETTINGS_FILE))
    found: Path | None = kind.halve(folder, target) if hasattr(kind, "halve") else None
    return found


def kind_of(name: str) -> Kind:
    """The kind that a file of `adapter_kinds/` is. Raises UserError, with the nearest name, where there is none."""
    return cast(Kind, plugins.load(SLOT, name))


def parameter_count(kind: Kind, config: BaseModel, shape: Shape) -> int:
    """Trainable numbers."""
    return sum(math.prod(size) for size in kind.tensors(config, shape).values())


def _kind_of(raw: Mapping[str, Any], where: str) -> Kind:
    known = _by_peft_type()
    if (kind := raw.get("peft_type")) not in known:
        raise UserError(f"adapters of the kind '{kind}' cannot be applied", where=where, hint=f"Known: {', '.join(known)}.")
    return known[kind]


@cache
def _by_peft_type() -> dict[str, Kind]:
    return {kind.PEFT_TYPE: kind for kind in map(kind_of, plugins.names(SLOT))}
