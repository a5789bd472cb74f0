"""An adapter in memory, whatever its kind, and its files in PEFT's format, which all kinds share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from pydantic import BaseModel
from safetensors.torch import save_file
from torch import Tensor

from rung import plugins
from rung.engine.local.adapted import ModuleEffect, update_of
from rung.engine.local.ends import AtEnds, Embed
from rung.engine.local.peft.files import SETTINGS_FILE, TENSORS_FILE, PeftFiles, read_files, read_settings
from rung.engine.local.peft.keys import MERGE
from rung.engine.local.peft.reading import BasePaths, Read
from rung.engine.local.peft.whole import with_whole
from rung.engine.local.shape import Shape
from rung.engine.local.update import Sum, Update
from rung.errors import UserError
from rung.sources.base import BaseReference

SLOT = "adapter_kinds"
_PREFIX = "base_model.model."
FACTS_FILE = "rung.json"


class Kind(Protocol):
    """A module of `adapter_kinds/`. `config` is an instance of its own Config, `tensors` are float32 and named as PEFT names them.

    PEFT_TYPE      as `adapter_config.json` names the kind
    PARTS          what its tensors are called beside a module's path
    LEARNING_RATE  the peak that training takes where its user names none
    Config         its settings
    tensors()      the size of each tensor
    initialise()   the tensors that training starts from: together they change nothing
    update()       what the decoder takes, in its precision; differentiable with respect to the tensors
    idle()         why the tensors would change no answer; empty where they would
    kept()         numbers that autograd keeps for the backward pass, a token, beside the base's own
    to_peft()      the kind's own keys of `adapter_config.json`
    read()         what a file of the kind does, whoever wrote it; raises UserError for what is not computed exactly

    A kind that can make a smaller adapter of one has also `halve(folder, target)`, see `halve` below; one that reads further
    kinds of PEFT's has ALSO_READS, as `adapter_config.json` names them.
    """

    PEFT_TYPE: str
    PARTS: tuple[str, ...]
    LEARNING_RATE: float
    Config: type[BaseModel]

    def tensors(self, config: Any, shape: Shape) -> dict[str, tuple[int, ...]]: ...

    def initialise(self, config: Any, shape: Shape, generator: torch.Generator) -> dict[str, Tensor]: ...

    def update(self, config: Any, shape: Shape, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> Update: ...

    def idle(self, tensors: Mapping[str, Tensor]) -> str: ...

    def kept(self, config: Any, shape: Shape) -> int: ...

    def to_peft(self, config: Any, shape: Shape) -> dict[str, Any]: ...

    def read(self, files: PeftFiles, base: BasePaths) -> Read: ...


@dataclass(frozen=True, kw_only=True)
class BaseName:
    """A base by the name that transformers loads it by: a folder, or a model on the hub and its revision."""

    name: str
    revision: str | None = None

    @classmethod
    def of(cls, reference: str, folder: Path) -> BaseName:
        """`reference` is what a Candidate keeps of it, `folder` where it was read from."""
        named = BaseReference.read(reference) if reference else None
        if named and named.kind == "hf":
            return cls(name=named.name, revision=named.version or None)
        return cls(name=str(folder.resolve()))


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

    def save(self, folder: Path, facts: Mapping[str, Any], base: BaseName | None = None) -> None:
        """Write PEFT's two files and `rung.json` (`facts`: what it was trained on, pinned by its digest).

        base  as PEFT finds it again

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
            "base_model_name_or_path": base.name if base else None,
            "revision": base.revision if base else None,
            **self.kind.to_peft(self.config, self.shape),
        }
        for name, value in ((SETTINGS_FILE, config), (FACTS_FILE, facts)):
            (folder / name).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """An adapter that was read for a base, whoever trained it."""

    files: PeftFiles
    read: Read
    shape: Shape
    embed: Embed | None = None

    @property
    def begun(self) -> dict[str, ModuleEffect]:
        """By path, what takes a part of the base's weights out of them."""
        head = {self.shape.ends.head.path: self.read.ends.head} if self.shape.ends and self.read.ends.head else {}
        return {path: effect for path, effect in {**self.read.effects, **head}.items() if effect.begun_from}

    def update(self, dtype: torch.dtype) -> Update:
        """What the decoder takes, in its precision."""
        read = self.read
        inner = update_of(read.effects, self.shape, dtype) if read.effects or not read.own else None
        if read.own:
            own = read.own(dtype)
            inner = Sum([(own, 1.0), (inner, 1.0)]) if inner else own
        assert inner is not None
        return AtEnds(read.ends, inner, self.embed) if read.ends else inner


def load_adapter(folder: Path, shape: Shape, device: torch.device, embed: Embed | None = None) -> Loaded:
    """Read an adapter in PEFT's format. Raises UserError, with the file, the key and a way out, for what is not computed exactly.

    embed  how the base's first layer takes rows of its embedding; None where it takes them as they are
    """
    base = BasePaths.of(shape)
    kind = _kind_of(read_settings(folder), str(folder / SETTINGS_FILE))
    files = read_files(folder, base.named(), kind.PARTS, device)
    read = with_whole(kind.read(files, base), files, base)
    if read.idle:
        raise UserError(
            f"the adapter's update is null: {read.idle}", where=str(folder), hint="Train it for longer, or leave it out."
        )
    return Loaded(files=files, read=read, shape=shape, embed=embed)


def halve(folder: Path, target: Path) -> Path | None:
    """Write to `target` an adapter of half the size that does nearly the same; None where its kind has no such thing."""
    kind = _kind_of(read_settings(folder), str(folder / SETTINGS_FILE))
    found: Path | None = kind.halve(folder, target) if hasattr(kind, "halve") else None
    return found


def kind_of(name: str) -> Kind:
    """The kind that a file of `adapter_kinds/` is. Raises UserError, with the nearest name, where there is none."""
    return cast(Kind, plugins.load(SLOT, name))


def parameter_count(kind: Kind, config: BaseModel, shape: Shape) -> int:
    """Trainable numbers."""
    return sum(math.prod(size) for size in kind.tensors(config, shape).values())


def _kind_of(settings: Mapping[str, Any], where: str) -> Kind:
    known = _by_peft_type()
    if (kind := settings.get("peft_type")) not in known:
        said = (
            "the adapter names no kind (peft_type)"
            if kind is None
            else f"adapters of the kind '{kind}' (peft_type) are not computed"
        )
        raise UserError(said, where=where, hint=f"Computed are {', '.join(known)}. {MERGE}")
    return known[kind]


@cache
def _by_peft_type() -> dict[str, Kind]:
    kinds = list(map(kind_of, plugins.names(SLOT)))
    return {name: kind for kind in kinds for name in (kind.PEFT_TYPE, *getattr(kind, "ALSO_READS", ()))}
