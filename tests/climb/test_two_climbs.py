"""Two climbs of two tasks without a row in common, in one home at the same time, each killed (-9) at random: they end as alone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from test_climb import decided
from toy import write_toy
from warm import Warm

from rung.registry.home import open_home

# RUNG_ALL_KILLS=1 makes them ten.
KILLS = 10 if os.environ.get("RUNG_ALL_KILLS") else 4


@dataclass
class Killed:
    """A climb that is started, killed at a random moment, and started again, until it ends."""

    task_file: Path
    options: tuple[str, ...]
    code: int
    draw: random.Random
    kills: int = 0
    ends: list[dict[str, Any]] = field(default_factory=list)

    def start(self, home: Path, out: Path) -> Warm:
        return Warm(["rung", "climb", str(self.task_file), "--json", *self.options], out, {"RUNG_HOME": str(home)})

    def alone(self, home: Path) -> float:
        """Seconds that it takes when nobody kills it; its end is the first."""
        began = time.monotonic()
        self.finish(home, whole_s=None)
        return time.monotonic() - began

    def finish(self, home: Path, whole_s: float | None) -> None:
        """Until it ends. Whoever restarts a climb that was killed is never told that somebody holds it."""
        out = home.with_name(f"{home.name}-{self.task_file.parent.parent.name}.json")
        while True:
            process = self.start(home, out)
            try:
                spared = whole_s is None or self.kills == KILLS
                said, errors = process.communicate(timeout=None if spared else self.draw.uniform(0.1, 0.9) * (whole_s or 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                self.kills += 1
            else:
                assert process.returncode == self.code, errors
                self.ends.append(decided(json.loads(said)))
                return


def test_two_climbs_in_one_home_killed_again_and_again_end_as_they_do_alone(tiny_base, tmp_path):
    left = write_toy(tmp_path / "left" / "task", tiny_base, name="left")
    right = write_toy(tmp_path / "right" / "task", tiny_base, name="right", first=1000, noise=0.0, at_least=0.7)
    climbs = [
        Killed(task_file=left, options=(), code=1, draw=random.Random(3)),
        Killed(task_file=right, options=("--all",), code=0, draw=random.Random(4)),
    ]
    homes = 0
    with ThreadPoolExecutor(len(climbs)) as at_once:
        whole_s = list(at_once.map(lambda climb: climb.alone(tmp_path / f"alone-{climb.code}"), climbs))
        while min(climb.kills for climb in climbs) < KILLS:
            home = tmp_path / f"both{homes}"
            list(at_once.map(lambda climb, took_s, home=home: climb.finish(home, took_s), climbs, whole_s))
            homes += 1
            with open_home(home) as opened:
                assert [version.ref for version in opened.names.all()] == ["right@1"]
                assert all(opened.leases.holder(record.climb) is None for record in opened.climbs.all())
    for climb in climbs:
        assert climb.kills == KILLS
        assert all(end == climb.ends[0] for end in climb.ends)
    assert climbs[0].ends[0]["climb"] != climbs[1].ends[0]["climb"]
    print(f"killed {KILLS} times each over {homes} homes")
