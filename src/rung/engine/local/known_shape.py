"""The shape of a base in a folder, known without its weights."""

from __future__ import annotations

from pathlib import Path

from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.shape import Shape


def known_shape(folder: Path) -> Shape:
    """Raises NotHooked for a base that only its own code computes, saying why."""
    try:
        return DecoderConfig.read(folder)
    except NotComputed:
        return HookedShape.read(folder)
