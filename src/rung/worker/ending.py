"""What becomes of a job whose process has ended, or whose worker is dead: pure functions of what is known of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from functools import partial

from rung.errors import BrokenEnvironment, UserError
from rung.registry.job_states import Change, Job, State
from rung.worker.outcome import Outcome

INTERRUPTED = (130, -signal.SIGINT)
# How often a job may crash, and how often its worker may die at it: what brings down all that touches it must not go on for ever.
MOST_CRASHES, MOST_LOSSES = 3, 10
CRASH_WAIT_S, BUSY_WAIT_S = 5.0, 15.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job's process ended.

    code          its exit code (of a signal, the negative of its number); None where it could not be started
    outcome       what it has left; None where it left nothing
    said          its last line
    is_returned   whether its worker had stopped it in order to stop itself
    """

    code: int | None
    outcome: Outcome | None
    said: str = ""
    is_returned: bool = False


def after_end(job: Job, ended: Ended) -> Change:
    """What becomes of a job whose process has ended. `job` is as it stands: it may have been asked to stop."""
    code, outcome = ended.code, ended.outcome
    fault, problem = (outcome.fault, outcome.said) if outcome else ("", "")
    told = code if outcome is not None and outcome.code == code else None  # only a code that came with a word is believed
    change = partial(Change, exit=code, said=problem or ended.said)
    stopped = f"{ended.said} (its worker stopped)".strip()
    crashed = Change(state="queued", kind="crashed", exit=code, said=_why(code, problem, ended.said), crashes=1)
    rules = (
        (told in (0, 1), change(state="done", kind="done")),
        (job.state == "cancelling", change(state="cancelled", kind="cancelled")),
        (told == UserError.exit_code and fault != "busy", change(state="failed", kind="failed")),
        (job.state == "pausing", change(state="paused", kind="paused")),
        (ended.is_returned, change(state="queued", kind="returned", said=stopped)),
        (code in INTERRUPTED, change(state="paused", kind="paused", said="its process was interrupted from outside")),
        (fault == "busy", change(state="queued", kind="waiting", wait_s=BUSY_WAIT_S)),
        (True, _again(job, crashed)),
    )
    return next(then for holds, then in rules if holds)


def after_loss(job: Job, outcome: Outcome | None) -> Change:
    """What becomes of a job whose worker is dead. What its process has left (`outcome`) counts, where it had ended by itself."""
    if outcome is not None and outcome.code in (0, 1):
        return Change(state="done", kind="done", exit=outcome.code, said=outcome.said or job.said)
    if outcome is not None and outcome.fault == "user" and job.state == "running":
        return Change(state="failed", kind="failed", exit=outcome.code, said=outcome.said)
    where: dict[str, State] = {"pausing": "paused", "cancelling": "cancelled"}
    state = where.get(job.state, "queued")
    lost = Change(state=state, kind="lost" if state == "queued" else state, said=f"its worker ({job.worker}) died", losses=1)
    return _again(job, lost) if state == "queued" else lost


def _again(job: Job, change: Change) -> Change:
    """The change, or the end of the job where it has crashed or lost its worker too often."""
    crashes, losses = job.crashes + change.crashes, job.losses + change.losses
    if crashes >= MOST_CRASHES or losses >= MOST_LOSSES:
        counts = [(crashes, "crashed"), (losses, "lost its worker")]
        often = " and ".join(f"{what} {'once' if count == 1 else f'{count} times'}" for count, what in counts if count)
        return replace(change, state="failed", kind="failed", said=f"It {often}; the last time: {change.said}")
    return replace(change, wait_s=CRASH_WAIT_S * 2 ** (crashes - 1)) if change.crashes else change


def _why(code: int | None, problem: str, last: str) -> str:
    if problem:
        return problem
    if code is None:
        return last or "its process could not be started"
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
        memory = ", as happens where memory runs out" if -code == signal.SIGKILL else ""
        how = f"its process was ended by {name}{memory}"
    else:
        broken = " (broken environment)" if code == BrokenEnvironment.exit_code else ""
        how = f"its process ended with {code}{broken} and left no word of how"
    return f"{how}. Its last line: {last}" if last else how
