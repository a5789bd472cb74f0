"""kill -9 at random moments of promoting, approving and rolling back: each is done or not, and the history holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from shipped import ship

from rung.promote.promoting import stood
from rung.registry.home import Home, open_home

# What ends with a promotion, a rollback or an approval says so; it goes on until it is killed.
WORKER = """
import itertools, sys
from rung.promote.approving import approve
from rung.promote.promoting import promote, rollback
from rung.registry.home import open_home
home = open_home(write=True)
for number in itertools.count():
    ref = f"tone@{1 + number % 4}"
    promote(home, ref, "champion", load=lambda _: None)
    approve(home, ref, "7d", "bob")
    promote(home, f"tone@{1 + (number + 1) % 4}", "champion", load=lambda _: None)
    rollback(home, "tone")
    print(number, flush=True)
"""


def test_killed_at_any_moment_nothing_is_half_done(registry: Home, home: Path) -> None:
    draw, kills = random.Random(3), int(os.environ.get("RUNG_KILLS", "2"))
    for number in range(4):
        ship(registry, [1.0] * 20, lock=f"{number}a" * 32)
    registry.keys.make("bob")
    for _ in range(kills):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True, env=os.environ | {"RUNG_IDENTITY": "anna"}
        )
        assert worker.stdout is not None
        for _ in range(draw.randint(1, 3)):
            assert worker.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(draw.uniform(0.0, 0.05))
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
        with open_home(write=True) as opened:
            assert opened.integrity.faults() == []
            moves = opened.aliases.history("tone", "champion")
            assert [move.generation for move in moves] == list(range(1, len(moves) + 1))
            promoted = [line for line in opened.audit.lines("tone@champion") if line.kind == "promote"]
            told = [line for line in opened.audit.lines("tone@champion") if line.kind == "conditions"]
            assert len(promoted) == len(told), "a promotion and what it rests on are one"
            assert stood(moves)
            assert all(receipt.holds for receipt in opened.receipts.all())
            assert all(approval.holds for approval in opened.approvals.all())
