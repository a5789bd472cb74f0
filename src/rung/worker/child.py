"""`python -m rung.worker.child FILE COMMAND ...`: a job's process. It runs the command as `python -m rung` would, and leaves FILE.

Its standard input is a pipe that its worker holds open: where the worker dies, however it dies, the pipe ends, and the job
interrupts itself. So no job goes on that nobody watches.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from rung.errors import RungError
from rung.worker.outcome import outcome_of, write

ORPHAN_GRACE_S = 5.0


def main() -> None:
    """Runs the command line that follows the name of the file for the outcome, and exits with its code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where whoever started the worker had it ignored
    threading.Thread(target=_follow, args=(_lifeline(),), name="lifeline", daemon=True).start()
    file, line = Path(sys.argv[1]), sys.argv[2:]
    sys.argv = ["rung", *line]
    errors: list[RungError] = []
    from rung.cli import main as rung

    try:
        rung(line, heard=errors.append)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
        write(file, outcome_of(code, errors[-1] if errors else None))
        raise


def _lifeline() -> int:
    """The worker's end of standard input, put aside: what the command starts must not get it."""
    kept = os.dup(0)
    os.set_inheritable(kept, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return kept


def _follow(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(ORPHAN_GRACE_S)
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
