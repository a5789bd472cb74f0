"""How threads that compute together wait for each other between two products. Read once, when torch loads its OpenMP.

Threads that wait by spinning take the very core that they wait for wherever another program runs too: on two such cores, answering
was ten times slower than with threads that sleep. Threads that sleep at once must be woken for every product: training took a
quarter longer. A thousand turns, some ten microseconds, bridge what lies between two products of training, and cost a fifth where
another program holds a core.

Between two products of an answer's next token there is more to do, and threads that sleep meanwhile take twice as long. A server's
stay awake, and its engine goes on with fewer of them where that is quicker, as it is beside another program (see `hands.py`).
"""

from __future__ import annotations

import os

TURNS, OURS = "GOMP_SPINCOUNT", "RUNG_SET_SPINCOUNT"
SLEEPY, AWAKE = "1000", "20000"


def sleep_soon() -> None:
    """Unless the user's environment says how long they wait."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if TURNS not in os.environ:
        os.environ[TURNS] = os.environ[OURS] = SLEEPY


def stay_awake() -> None:
    """Before torch is loaded; where the environment is ours."""
    if os.environ.get(TURNS) == os.environ.get(OURS):
        os.environ[TURNS] = os.environ[OURS] = AWAKE
