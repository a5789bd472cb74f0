"""What a method makes of a model, in the terms that the loop needs, and how it is written to disk whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from torch import Tensor

from rung.disk import replacing
from rung.engine.local.adapters import together
from rung.engine.local.decoder import Decoder
from rung.engine.local.update import Update
from rung.errors import BrokenEnvironment


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes that a method takes beside the base, the masters and what the optimizer keeps of them.

    weights      copies of the base
    gradients    beside the masters' own
    activations  kept for the backward pass, a token, beside what the base's own are
    scores       at the head, beside the objective's own
    """

    weights: int = 0
    gradients: int = 0
    activations: int = 0
    scores: int = 0


class Trainable(Protocol):
    """A model under training. `masters` are float32 leaf tensors by name, the only ones that the optimizer changes.

    decoder    computes the forward pass
    frozen     how many of its blocks lie below all that is trained
    update()   what the adapter adds to it, or None; differentiable with respect to the masters
    collect()  after each backward pass: adds what it left elsewhere to the masters' gradients
    refresh()  after the masters changed: compute copies follow them
    save()     writes what answers: an adapter, or a whole model
    """

    masters: dict[str, Tensor]
    decoder: Decoder
    frozen: int

    def update(self) -> Update | None: ...

    def collect(self) -> None: ...

    def refresh(self) -> None: ...

    def save(self, folder: Path, facts: Mapping[str, Any]) -> None: ...


class OnAdapters:
    """A Trainable on top of adapters that stay as they are: they act on each pass as they will when it answers."""

    def __init__(self, trainable: Trainable, below: Update) -> None:
        self._trainable, self._below = trainable, below
        self.masters, self.decoder, self.frozen = trainable.masters, trainable.decoder, trainable.frozen

    def update(self) -> Update:
        own = self._trainable.update()
        return together([(self._below, 1.0), (own, 1.0)]) if own else self._below

    def collect(self) -> None:
        self._trainable.collect()

    def refresh(self) -> None:
        self._trainable.refresh()

    def save(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """What was trained, without what it was trained on."""
        self._trainable.save(folder, facts)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `folder` once all of it is on disk; BrokenEnvironment where it cannot be."""
    with write_errors(folder), replacing(folder) as draft:
        draft.mkdir()
        yield draft


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turns a failed write below into BrokenEnvironment naming `path`."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise BrokenEnvironment(
            f"could not be written: {error}",
            where=str(path),
            hint="Free some disk space and run again: training goes on where it stood.",
        ) from error
