"""Planted-cause worlds: invented tasks of which it is known why the plain instruction fails, and the cheapest rung that passes.

`WORLDS` maps a name to a generator: (seed, size) -> World. All data is made from the seed; `World.write` makes it a task folder.
"""

from . import scoring
from .classes import labels, noise, trivial
from .looked_up import facts, tool, weekly
from .prompted import form, solved, style
from .world import SCRIPTED, Size, World

WORLDS = {
    "solved": solved,
    "trivial": trivial,
    "format": form,
    "style": style,
    "facts": facts,
    "weekly": weekly,
    "tool": tool,
    "labels": labels,
    "noise": noise,
}

__all__ = ["SCRIPTED", "WORLDS", "Size", "World", "scoring"]
