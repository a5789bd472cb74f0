"""How long a server's threads wait: told by the user, or else longer than a climb's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAID = "import os, rung; from rung.serve.awake import stay_awake; before = os.environ['GOMP_SPINCOUNT']; stay_awake(); "
SAID += "print(before, os.environ['GOMP_SPINCOUNT'])"


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        ({}, "1000 20000"),
        ({"GOMP_SPINCOUNT": "1000"}, "1000 1000"),
        ({"GOMP_SPINCOUNT": "1000", "RUNG_SET_SPINCOUNT": "1000"}, "1000 20000"),
        ({"GOMP_SPINCOUNT": "50", "RUNG_SET_SPINCOUNT": "1000"}, "50 50"),
    ],
)
def test_what_the_user_says_stays(told: dict[str, str], waits: str) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.endswith("SPINCOUNT")}
    run = subprocess.run([sys.executable, "-c", SAID], env=plain | told, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == waits
