"""How fast this machine works with a base, coarsely: what `rung init` sizes a search by. Never fetches a base, never fails."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from rung.climb.outlook import speeds
from rung.climb.outlook.machine import Machine
from rung.engine.bases.fetch import fetched
from rung.engine.bases.resolve import Base, resolve
from rung.errors import RungError
from rung.parts import USUAL_PACE, Pace
from rung.sources.base import BaseReference
from rung.types import Progress

# A pace is one of these steps: the same machine measured twice has the same.
STEP = 1.5


def pace_of(base: str, home: Path, progress: Progress) -> Pace:
    """The pace with a base that is here, measured for some ten seconds where it is not known; else the usual one, which says so."""
    try:
        reference = BaseReference.read(base)
        if reference.is_server:
            return _usual("two cores and a small base, for a server's is not known")
        if not fetched(reference, home):
            return _usual("two cores and a small base, for the base was not here to be measured")
        found = resolve(base, home)
        if found.kind != "local":
            return USUAL_PACE
        return pace(_measured(found, base, home, progress))
    except RungError as error:
        # What is wrong with a base is told by whoever asks it something.
        progress.note(f"How fast this machine is was not measured: {error.problem}")
        return _usual("two cores and a small base, for this machine could not be measured")


def pace(machine: Machine) -> Pace:
    """In steps of STEP from the usual one."""
    reads = _stepped(machine.reads(1.0), USUAL_PACE.reads)
    trained = max(machine.trained.values(), default=USUAL_PACE.trains * reads / USUAL_PACE.reads)
    about = f"a machine that reads about {reads:,.0f} tokens a second with this base, as measured here"
    return Pace(reads=reads, trains=_stepped(trained, USUAL_PACE.trains), about=about)


def _usual(about: str) -> Pace:
    return Pace(reads=USUAL_PACE.reads, trains=USUAL_PACE.trains, about=about)


def _stepped(value: float, usual: float) -> float:
    steps = round(math.log(max(value, 1e-3) / usual) / math.log(STEP))
    return float(round(usual * STEP**steps, 1 - int(math.log10(usual * STEP**steps))))


def _measured(base: Base, asked: str, home: Path, progress: Progress) -> Machine:
    from rung.engine.runtime import open_runtime
    from rung.registry.home import open_home

    with open_home(home, write=True) as opened:
        machine, _, crowded = speeds.known_machine(base, asked, home, open_runtime(home, opened.blobs), progress)
    # What other work took beside it is no part of the machine; what is kept is taken as it is, now and the next time.
    return replace(machine, cost=machine.cost.times(1 / crowded)) if crowded >= speeds.CROWDED else machine
