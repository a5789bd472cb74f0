"""kill -9 at random moments of a climb: the same verdict and the same bytes as a climb that nobody touched."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from test_climb import decided
from toy import write_toy
from warm import Warm

# RUNG_ALL_KILLS=1 makes them twenty.
KILLS = 20 if os.environ.get("RUNG_ALL_KILLS") else 8


def start(task_file: Path, home: Path, out: Path) -> Warm:
    return Warm(["rung", "climb", str(task_file), "--json"], out, {"RUNG_HOME": str(home)})


def finish(task_file: Path, home: Path, out: Path) -> dict:
    process = start(task_file, home, out)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 1, errors
    return json.loads(said)


def test_killed_again_and_again_the_climb_ends_the_same(tiny_base, tmp_path):
    task_file = write_toy(tmp_path / "task", tiny_base)
    began = time.monotonic()
    untouched = finish(task_file, tmp_path / "untouched", tmp_path / "untouched.json")
    whole_s = time.monotonic() - began
    draw, kills, homes = random.Random(11), 0, 0
    while kills < KILLS:
        home, out = tmp_path / f"killed{homes}", tmp_path / f"killed{homes}.json"
        process = start(task_file, home, out)
        try:
            process.wait(draw.uniform(0.05, 1.0) * whole_s)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        else:
            assert decided(json.loads(out.read_text())) == decided(untouched)
            homes += 1
    assert decided(finish(task_file, home, out)) == decided(untouched)
    adapter = next(rung for rung in untouched["rungs"] if rung["rung"] == "r4_adapter")
    assert adapter["candidate"], "the candidate's id covers the digest of the adapter's bytes"
    print(f"killed {kills} times over {homes + 1} climbs")
