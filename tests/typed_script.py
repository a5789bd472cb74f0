"""What a type checker sees of the public names; never run. `make lint` reads it: an ignore that is not needed is an error there."""

from __future__ import annotations

import rung
import rung.climb.decide

outcome: rung.Outcome = rung.climb(rung.load_task("task.yaml"), every_rung=True)
text: str = outcome.candidate.answer("?").text if outcome.candidate else ""
rung.climb("task.yaml")  # type: ignore[arg-type]
rung.clim  # type: ignore[attr-defined]
