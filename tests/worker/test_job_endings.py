"""What becomes of a job, by how its process ended and what it was asked meanwhile."""

from __future__ import annotations

import signal

import pytest

from rung.registry.job_states import MOVES, NOBODY, Change, Job, State, Submission
from rung.worker.ending import MOST_CRASHES, MOST_LOSSES, Ended, after_end, after_loss
from rung.worker.outcome import Fault, Outcome

KILLED = -signal.SIGKILL


def a_job(state: State = "running", *, crashes: int = 0, losses: int = 0) -> Job:
    return Job(
        id="job-1",
        place=1,
        asked=Submission(kind="climb", arguments=(), folder="/"),
        state=state,
        number=3,
        attempt=1,
        crashes=crashes,
        losses=losses,
        exit=None,
        said="Training: 3 of 9",
        tail=(),
        ready=0.0,
        token="t",
        worker="pid 1 on here",
        holder=NOBODY,
        child=NOBODY,
        beats=0,
        created="",
        updated="",
    )


def left(code: int, fault: Fault = "", said: str = "") -> Ended:
    return Ended(code=code, outcome=Outcome(code=code, fault=fault, said=said), said="the last line")


def silent(code: int | None, said: str = "the last line") -> Ended:
    return Ended(code=code, outcome=None, said=said)


@pytest.mark.parametrize(
    ("ended", "states"),
    [  # what becomes of one that is running, pausing, cancelling
        (left(0), ("done", "done", "done")),
        (left(1), ("done", "done", "done")),
        (left(2, "user"), ("failed", "failed", "cancelled")),
        (left(2, "busy"), ("queued", "paused", "cancelled")),
        (left(3, "environment"), ("queued", "paused", "cancelled")),
        (left(130), ("paused", "paused", "cancelled")),
        (silent(-signal.SIGINT), ("paused", "paused", "cancelled")),
        (silent(KILLED), ("queued", "paused", "cancelled")),
        (silent(None), ("queued", "paused", "cancelled")),
        (silent(0), ("queued", "paused", "cancelled")),
        (silent(1), ("queued", "paused", "cancelled")),
        (silent(2), ("queued", "paused", "cancelled")),
    ],
)
def test_what_becomes_of_it(ended: Ended, states: tuple[State, ...]) -> None:
    for asked, state in zip(("running", "pausing", "cancelling"), states, strict=True):
        change = after_end(a_job(asked), ended)
        assert (asked, change.state) == (asked, state)
        assert state in MOVES[asked]


@pytest.mark.parametrize("ended", [left(130), silent(KILLED), silent(-signal.SIGINT), left(3, "environment"), left(2, "busy")])
def test_one_whose_worker_stops_goes_back_to_the_queue_and_has_not_crashed(ended: Ended) -> None:
    stopped = Ended(code=ended.code, outcome=ended.outcome, is_returned=True)
    change = after_end(a_job(), stopped)
    assert (change.state, change.kind, change.crashes, change.wait_s) == ("queued", "returned", 0, 0.0)
    assert after_end(a_job("pausing"), stopped).state == "paused"
    assert after_end(a_job("cancelling"), stopped).state == "cancelled"
    for code, state in ((0, "done"), (2, "failed")):
        finished = Ended(code=code, outcome=Outcome(code=code, fault="user" if code else ""), is_returned=True)
        assert after_end(a_job(), finished).state == state


def test_the_users_error_is_told_and_not_tried_again() -> None:
    change = after_end(a_job(), left(2, "user", "task.yaml:3: no such key\n  Did you mean 'base'?"))
    assert (change.state, change.exit, change.said) == ("failed", 2, "task.yaml:3: no such key\n  Did you mean 'base'?")


def test_a_crash_is_tried_again_after_a_while_and_not_for_ever() -> None:
    waits = []
    for crashes in range(MOST_CRASHES - 1):
        change = after_end(a_job(crashes=crashes), silent(KILLED))
        assert (change.state, change.kind, change.crashes) == ("queued", "crashed", 1)
        assert change.said == "its process was ended by SIGKILL, as happens where memory runs out. Its last line: the last line"
        waits.append(change.wait_s)
    assert waits == sorted(set(waits)) and waits[0] > 0
    last = after_end(a_job(crashes=MOST_CRASHES - 1), silent(-signal.SIGSEGV, ""))
    assert (last.state, last.exit) == ("failed", -signal.SIGSEGV)
    assert last.said == f"It crashed {MOST_CRASHES} times; the last time: its process was ended by SIGSEGV"
    known = after_end(a_job(), left(3, "environment", "no space left"))
    assert (known.state, known.said) == ("queued", "no space left")


def test_a_worker_that_died_is_forgiven_more_often_and_not_for_ever() -> None:
    for losses in range(MOST_LOSSES - 1):
        change = after_loss(a_job(losses=losses), None)
        assert (change.state, change.kind, change.losses) == ("queued", "lost", 1)
        assert change.said == "its worker (pid 1 on here) died"
    last = after_loss(a_job(losses=MOST_LOSSES - 1), None)
    assert (last.state, last.kind) == ("failed", "failed")
    assert after_loss(a_job("pausing", losses=50), None) == Change(
        state="paused", kind="paused", said="its worker (pid 1 on here) died", losses=1
    )
    assert after_loss(a_job("cancelling"), None).state == "cancelled"


def test_what_had_ended_by_itself_before_its_worker_died_is_believed() -> None:
    assert after_loss(a_job("cancelling"), Outcome(code=1)).state == "done"
    failed = after_loss(a_job(), Outcome(code=2, fault="user", said="no such file"))
    assert (failed.state, failed.exit, failed.said) == ("failed", 2, "no such file")
    # What it says in the moment in which its worker dies is of that: its pipes are broken.
    assert after_loss(a_job(), Outcome(code=3, fault="environment")).state == "queued"
    assert after_loss(a_job(), Outcome(code=130)).state == "queued"
