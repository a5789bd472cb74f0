"""Every weight of the base: float32 masters, computed with in the base's precision; saved as a whole model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rung.engine.bases.checkpoint import read_json
from rung.engine.bases.folder import answer_files
from rung.engine.local.model import LocalModel
from rung.engine.local.shape import Shape
from rung.errors import UserError
from rung.train.trainable import Footprint

LEARNING_RATE = 5e-5


class Config(BaseModel):
    """There is nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def apply(model: LocalModel, config: Config, seed: int) -> TrainedModel:
    """A copy of the base under training; `model` itself stays as it was."""
    return TrainedModel(model)


def parameters(config: Config, shape: Shape) -> int:
    """All of the base's."""
    return shape.parameters


def footprint(config: Config, shape: Shape, item: int) -> Footprint:
    """The compute copy and its gradients; what goes into every product; the head's gradient in float32 and rounded."""
    copy = shape.parameters * item
    head = shape.vocabulary * shape.width * (4 + item)
    return Footprint(weights=copy, gradients=copy, activations=item * shape.inputs(shape.module_names), scores=head)


def frozen(config: Config, shape: Shape) -> int:
    """None: what lies below the first block is trained too."""
    return 0


class TrainedModel:
    """A rung.train.trainable.Trainable: the masters are all tensors of the decoder, in float32."""

    def __init__(self, model: LocalModel) -> None:
        self._source = model
        named = model.decoder.named()
        self.masters = {name: tensor.float().clone() for name, tensor in named.items()}
        self._compute = {name: tensor.clone().requires_grad_(True) for name, tensor in named.items()}
        self.decoder = model.decoder.over(self._compute)
        self.frozen = 0

    def update(self) -> None:
        """There is no adapter: the decoder's own tensors are trained."""

    @torch.no_grad()
    def collect(self) -> None:
        """Add the compute copies' gradients to the masters', in float32, so that parts of a batch add up without rounding."""
        for name, copy in self._compute.items():
            if copy.grad is not None:
                _add_gradient(self.masters[name], copy.grad)
                copy.grad = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the masters into the compute copies."""
        for name, copy in self._compute.items():
            copy.copy_(self.masters[name])

    def save(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """A transformers folder with the weights in compute precision: what was scored is what is kept.

        Raises UserError for weights that are not finite, or none of which moved.
        """
        base = self._source.decoder.named()
        bad = [name for name, copy in self._compute.items() if not torch.isfinite(copy).all()]
        if bad:
            raise UserError(f"the trained weights are not finite ({bad[0]})", where=str(folder), hint="Lower learning_rate.")
        if all(torch.equal(copy, base[name]) for name, copy in self._compute.items()):
            raise UserError("training changed no weight", where=str(folder), hint="Raise learning_rate, or train for longer.")
        folder.mkdir(parents=True, exist_ok=True)
        self.decoder.save_weights(folder)
        config = {**read_json(self._source.folder / "config.json"), "dtype": str(self.decoder.dtype).removeprefix("torch.")}
        config.pop("torch_dtype", None)
        _write_json(folder / "config.json", config)
        _write_json(folder / "rung.json", facts)
        for name in answer_files(self._source.folder):
            if name != "config.json" and not name.endswith((".safetensors", ".safetensors.index.json")):
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(self._source.folder / name, folder / name)


def _add_gradient(master: Tensor, gradient: Tensor) -> None:
    if master.grad is None:
        master.grad = gradient.float()
    else:
        master.grad += gradient


def _write_json(file: Path, value: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")
