"""A Candidate's adapters, read for its base as they are when it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rung.engine.local.adapter import Loaded, load_adapter
from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.plain_loading import load_plain
from rung.engine.local.shape import Shape
from rung.export.agree import base_folder

if TYPE_CHECKING:
    from rung.export.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The adapters of a subject, in their order, on a base of this shape in `folder`."""

    folder: Path
    shape: Shape
    adapters: tuple[Loaded, ...]


def read_stack(subject: Subject) -> Stack:
    """Raises UserError for a base that is not here, and for an adapter that is not computed exactly."""
    folder = base_folder(subject)
    shape = shape_of(folder)
    places = [subject.blobs.local(digest) for digest in subject.candidate.adapters]
    device = torch.device("cpu")
    return Stack(folder=folder, shape=shape, adapters=tuple(load_adapter(place, shape, device) for place in places))


def shape_of(folder: Path) -> Shape:
    """Without the weights, where the base says enough of itself."""
    try:
        return DecoderConfig.read(folder)
    except NotComputed:
        pass
    try:
        return HookedShape.read(folder)
    except NotHooked:
        return load_plain(folder, torch.float32, torch.device("cpu")).config
