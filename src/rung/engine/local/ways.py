"""What is told of a base before anything is spent on it: how it is computed, and what of it is left out."""

from __future__ import annotations

from pathlib import Path

from rung.engine.bases.checkpoint import read_json
from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.shape import HookedShape


def told_of(folder: Path) -> tuple[str, ...]:
    """A sentence each; none where there is nothing to tell. Reads the configuration, not the weights.

    Raises UserError for code of its own without leave.
    """
    try:
        DecoderConfig.read(folder)
        return ()
    except NotComputed:
        pass
    raw = read_json(folder / "config.json")
    lines = []
    if "text_config" in raw and "vision_config" in raw:
        lines.append("Of the base only the part that reads and writes text is loaded: it answers as if it saw nothing.")
    try:
        note = HookedShape.read(folder).context_note
        lines += [f"Of the base's context, {note}."] if note else []
    except NotHooked as reason:
        slow = "The base answers by transformers' own generate, several times slower than other bases"
        lines.append(f"{slow}: {reason.problem}.")
    return tuple(lines)
