"""A server's threads stay awake between two products.

Between two products of an answer's next token there is more to do than between two of training, and threads that sleep meanwhile
take twice as long. Beside another program, where waiting awake takes the core that is waited for, the engine goes on with fewer
threads (`engine/local/live/hands.py`).
"""

from __future__ import annotations

import os

TURNS, OURS = "GOMP_SPINCOUNT", "RUNG_SET_SPINCOUNT"
AWAKE = "20000"


def stay_awake() -> None:
    """Before torch is loaded, which reads it once; unless the user's environment says how long threads wait."""
    if os.environ.get(TURNS) == os.environ.get(OURS):
        os.environ[TURNS] = os.environ[OURS] = AWAKE
