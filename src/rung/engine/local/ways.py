"""What is told of a base before anything is spent on it: how it is computed, and what of it is left out."""

from __future__ import annotations

import json
from pathlib import Path

from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.shape import HookedShape


def told_of(folder: Path) -> tuple[str, ...]:
    """A line each; none where there is nothing to tell. Reads the configuration, not the weights.

    Raises UserError for code of its own without leave.
    """
    try:
        DecoderConfig.read(folder)
        return ()
    except NotComputed:
        pass
    raw = json.loads((folder / "config.json").read_text("utf-8"))
    lines = []
    if "text_config" in raw and "vision_config" in raw:
        lines.append("of the base only the part that reads and writes text is loaded: it answers as if it saw nothing")
    try:
        note = HookedShape.read(folder).context_note
    except NotHooked as reason:
        note = f"the base answers by transformers' own generate, several times slower than other bases: {reason.problem}"
    return (*lines, note) if note else tuple(lines)
