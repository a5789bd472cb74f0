"""Training an adapter of any kind on a frozen base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rung.engine.local.adapter import Adapter, BaseName, Kind, parameter_count
from rung.engine.local.model import LocalModel
from rung.engine.local.shape import Shape
from rung.engine.local.update import Update
from rung.train.trainable import Footprint


class AdapterMethod:
    """A rung.train.method.Method that trains adapters of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind, self.Config, self.LEARNING_RATE = kind, kind.Config, kind.LEARNING_RATE

    def apply(self, model: LocalModel, config: Any, seed: int) -> TrainedAdapter:
        """The base, untouched, under a fresh adapter that the seed decides."""
        return TrainedAdapter(model, Adapter.initialise(self._kind, config, model.config, seed, model.decoder.device))

    def parameters(self, config: Any, shape: Shape) -> int:
        return parameter_count(self._kind, config, shape)

    def footprint(self, config: Any, shape: Shape, item: int) -> Footprint:
        return Footprint(activations=item * self._kind.kept(config, shape))

    def frozen(self, config: Any, shape: Shape) -> int:
        return frozen_blocks(self._kind.tensors(config, shape), shape)


class TrainedAdapter:
    """A rung.train.trainable.Trainable: the masters are the adapter's own tensors."""

    def __init__(self, model: LocalModel, adapter: Adapter) -> None:
        self.decoder, self.adapter, self.masters = model.decoder, adapter, adapter.tensors
        self.frozen = frozen_blocks(self.masters, model.config)
        self._folder = model.folder
        for tensor in self.masters.values():
            tensor.requires_grad_(True)

    def update(self) -> Update:
        return self.adapter.update(self.decoder.dtype)

    def collect(self) -> None:
        """Gradients are on the masters already."""

    def refresh(self) -> None:
        """The update is made for each pass."""

    def save(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """PEFT's files and `rung.json`. Raises UserError for an update that is null or not finite."""
        self.adapter.save(folder, facts, BaseName.of(str(facts.get("base", "")), self._folder))


def frozen_blocks(names: Iterable[str], shape: Shape) -> int:
    """How many blocks lie below the first with a module that has a tensor of these names."""
    trained = tuple(names)
    paths = [[f"{module.path}." for modules in block.values() for module in modules] for block in shape.products]
    touched = (index for index, block in enumerate(paths) if any(name.startswith(tuple(block)) for name in trained))
    return next(touched, 0)
