from __future__ import annotations

import itertools
import multiprocessing
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from rung.errors import UserError
from rung.registry.home import Home, open_home
from rung.registry.job_states import FINAL, HELD, MOVES, Change, Job, State, Submission
from rung.registry.jobs import LONGEST_WAIT_S
from rung.registry.processes import Process, this_process


def asked(*arguments: str, **more: Any) -> Submission:
    given = {"kind": "verify", "arguments": arguments, "folder": "/there", "host": "here", "who": "anna", "version": "1"}
    return Submission(**{**given, **more})


def claim(home: Home, job: Job | None = None) -> Job:
    held = home.jobs.claim(this_process(), "pid 1 on here", lambda one: job is None or one.id == job.id)
    assert held is not None
    return held


def end(home: Home, job: Job, state: State, **more: Any) -> Job:
    return home.jobs.end(job, lambda _: Change(state=state, kind=more.pop("kind", state), **more))


def bring(home: Home, state: State) -> Job:
    """A job in a state."""
    job = home.jobs.submit(asked())
    if state in HELD or state in ("done", "failed"):
        job = claim(home, job)
    if state in ("pausing", "paused"):
        return home.jobs.pause(job)
    if state in ("cancelling", "cancelled"):
        return home.jobs.cancel(job)
    return end(home, job, state) if state in ("done", "failed") else job


def test_what_was_asked_for_is_kept_and_found_by_the_beginning_of_its_id(registry: Home) -> None:
    wanted = asked("tone@3", "--replay", "2", settings={"RUNG_DEVICE": "cpu"}, labels={"owner": "ünï"})
    job = registry.jobs.submit(wanted)
    assert job.id.startswith("job-") and len(job.id) == 20
    assert (job.asked, job.state, job.attempt, job.exit) == (wanted, "queued", 0, None)
    assert registry.jobs.get(job.id) == registry.jobs.get(job.id[:12]) == registry.jobs.get(job.id[4:10]) == job
    assert job.asked.line == ("verify", "tone@3", "--replay", "2")
    with pytest.raises(UserError, match="no job is called 'job-zz'"):
        registry.jobs.get("job-zz")
    with pytest.raises(UserError, match="no job is called '%'"):
        registry.jobs.get("%")
    registry.jobs.submit(asked())
    with pytest.raises(UserError, match=r"'job-' could be job-.*, job-"):
        registry.jobs.get("job-")


def test_jobs_are_listed_by_state_and_label_a_page_at_a_time(registry: Home) -> None:
    jobs = [registry.jobs.submit(asked(labels={"parity": str(number % 2)})) for number in range(5)]
    registry.jobs.cancel(jobs[3])
    newest_first = [job.id for job in reversed(jobs)]
    assert [job.id for job in registry.jobs.all()] == newest_first
    assert [job.id for job in registry.jobs.all(["cancelled"])] == [jobs[3].id]
    assert [job.id for job in registry.jobs.all(labels={"parity": "1"})] == [jobs[3].id, jobs[1].id]
    page = registry.jobs.all(limit=2)
    assert [job.id for job in page] == newest_first[:2]
    assert [job.id for job in registry.jobs.all(limit=2, before=page[-1].id)] == newest_first[2:4]
    assert [job.id for job in registry.jobs.all(labels={"parity": "0"}, limit=1, before=jobs[4].id)] == [jobs[2].id]


def test_what_happened_is_told_behind_a_cursor(registry: Home) -> None:
    job, other = registry.jobs.submit(asked()), registry.jobs.submit(asked())
    held = claim(registry)
    end(registry, held, "queued", kind="crashed", said="it fell")
    end(registry, claim(registry, job), "done", exit=0)
    events = registry.jobs.events(job.id)
    assert [(event.kind, event.state, event.attempt, event.said) for event in events] == [
        ("submitted", "queued", 0, ""),
        ("started", "running", 1, ""),
        ("crashed", "queued", 1, "it fell"),
        ("started", "running", 2, ""),
        ("done", "done", 2, ""),
    ]
    assert registry.jobs.events(job.id, after=events[1].cursor, limit=2) == events[2:4]
    assert registry.jobs.events(after=events[-1].cursor) == []
    assert {event.job for event in registry.jobs.events()} == {job.id, other.id}


@pytest.mark.parametrize("state", get_args(State))
def test_each_state_can_be_asked_what_it_can_be_asked(registry: Home, state: State) -> None:
    becomes = {
        "pause": {"queued": "paused", "running": "pausing", "pausing": "pausing", "paused": "paused"},
        "resume": {"queued": "queued", "running": "running", "paused": "queued"},
        "cancel": {
            **{"queued": "cancelled", "running": "cancelling", "pausing": "cancelling", "paused": "cancelled"},
            **{"cancelling": "cancelling", "cancelled": "cancelled"},
        },
    }
    for action, next_states in becomes.items():
        job = bring(registry, state)
        assert job.state == state
        ask = getattr(registry.jobs, action)
        if state in next_states:
            assert ask(job).state == next_states[state]
        else:
            with pytest.raises(UserError, match=f"{job.id} is {state}: it cannot be {action.rstrip('e')}"):
                ask(job)
            assert registry.jobs.get(job.id) == job


def test_no_state_becomes_another_but_by_a_known_move(registry: Home) -> None:
    for state, target in itertools.product(HELD, get_args(State)):
        job = bring(registry, state)
        if target in MOVES[state]:
            assert end(registry, job, target).state == target
        else:
            with pytest.raises(RuntimeError, match=f"cannot go from {state} to {target}"):
                end(registry, job, target)
    assert all(not MOVES[state] for state in FINAL)


def test_who_has_seen_something_else_changes_nothing(registry: Home) -> None:
    job = registry.jobs.submit(asked())
    held = claim(registry)
    for ask in (registry.jobs.pause, registry.jobs.cancel):
        with pytest.raises(UserError, match=f"{job.id} is running meanwhile"):
            ask(job)
    end(registry, held, "done")
    with pytest.raises(UserError, match=f"{job.id} is done meanwhile"):
        registry.jobs.cancel(held)


def test_the_first_of_the_queue_that_fits_is_claimed_once(registry: Home) -> None:
    jobs = [registry.jobs.submit(asked(str(number))) for number in range(3)]
    assert claim(registry, jobs[1]).id == jobs[1].id
    first = claim(registry)
    assert (first.id, first.state, first.attempt, first.worker, first.holder) == (
        *(jobs[0].id, "running", 1, "pid 1 on here"),
        this_process(),
    )
    end(registry, first, "queued", kind="returned")
    assert claim(registry).id == jobs[0].id, "what is given back is at its old place"
    assert claim(registry).id == jobs[2].id
    assert registry.jobs.claim(this_process(), "w", lambda _: True) is None
    assert [job.id for job in registry.jobs.held()] == [job.id for job in jobs]


def test_what_waits_is_not_begun_before_its_time_and_no_clock_makes_it_wait_for_ever(
    registry: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [1000.0]
    monkeypatch.setattr("rung.registry.jobs.clock", lambda _: moment[0])
    job, other = registry.jobs.submit(asked()), registry.jobs.submit(asked())
    end(registry, claim(registry, job), "queued", wait_s=60)
    assert claim(registry).id == other.id, "it holds nobody up"
    for seconds, is_ready in ((59, False), (1, True), (-1e9, True), (1e9, True)):
        moment[0] += seconds
        held = registry.jobs.claim(this_process(), "w", lambda _: True)
        assert (held is not None) == is_ready
        if held:
            moment[0] = 1000.0
            end(registry, held, "queued", wait_s=60)
    assert LONGEST_WAIT_S < 1e4


def test_a_lease_holds_until_another_has_the_job(registry: Home) -> None:
    registry.jobs.submit(asked())
    held = claim(registry)
    child = Process(pid=77, host=held.holder.host, started="boot/1")
    known = registry.jobs.renew(held, child, "Training: 1 of 9", ["a", "b"])
    assert (known.child, known.said, known.tail, known.beats) == (child, "Training: 1 of 9", ("a", "b"), 1)
    assert registry.jobs.renew(held).said == "Training: 1 of 9"
    stale = registry.jobs.get(held.id)
    registry.jobs.renew(held)
    assert registry.jobs.reclaim(stale, Change(state="queued", kind="lost")) is None, "it has given a sign since"
    assert registry.jobs.reclaim(registry.jobs.get(held.id), Change(state="queued", kind="lost", losses=1)) is not None
    again = claim(registry)
    assert (again.attempt, again.losses, again.said, again.tail) == (2, 1, "", ())
    for act in (lambda: registry.jobs.renew(held), lambda: end(registry, held, "done")):
        with pytest.raises(UserError, match=rf"the lease on {held.id} is lost to pid 1 on here"):
            act()
    end(registry, again, "done")
    with pytest.raises(UserError, match=rf"the lease on {held.id} is lost: it is done"):
        registry.jobs.renew(again)


def test_resumed_its_crashes_are_forgotten(registry: Home) -> None:
    registry.jobs.submit(asked())
    job = end(registry, claim(registry), "paused", crashes=2, losses=3)
    assert (job.crashes, job.losses) == (2, 3)
    job = registry.jobs.resume(job)
    assert (job.crashes, job.losses) == (0, 0)


def test_a_refusal_is_told_and_changes_nothing_else(registry: Home) -> None:
    job = registry.jobs.submit(asked())
    registry.jobs.refused(job, "no such command", "worker")
    registry.jobs.refused(job, "no such command", "worker")
    assert [event.kind for event in registry.jobs.events(job.id)] == ["submitted", "refused"]
    assert (registry.jobs.get(job.id).state, registry.jobs.get(job.id).said) == ("queued", "no such command")
    held = claim(registry)
    registry.jobs.refused(job, "late", "worker")
    registry.jobs.failed(job, "late")
    assert registry.jobs.get(job.id) == held


def test_long_words_and_logs_are_cut(registry: Home) -> None:
    registry.jobs.submit(asked())
    held = registry.jobs.renew(claim(registry), said="x" * 9000, tail=[f"{number:06} " + "y" * 200 for number in range(500)])
    assert len(held.said) == 500
    assert held.tail[-1].startswith("000499") and 50 < len(held.tail) < 90
    assert all(len(line) == 207 for line in held.tail)


def claimer(home: Path, said: Path) -> None:
    with open_home(home, write=True) as opened, said.open("a", buffering=1) as out:
        while (job := opened.jobs.claim(this_process(), "w", lambda _: True)) is not None:
            out.write(f"{job.id}\n")
            opened.jobs.end(job, lambda _: Change(state="done", kind="done"))


def test_of_many_that_claim_at_once_each_job_has_one(registry: Home, tmp_path: Path) -> None:
    jobs = [registry.jobs.submit(asked()) for _ in range(40)]
    registry.close()
    forked = multiprocessing.get_context("fork")
    running = [forked.Process(target=claimer, args=(registry.path, tmp_path / f"said-{number}")) for number in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0
    claimed = Counter(line for file in tmp_path.glob("said-*") for line in file.read_text().split())
    assert claimed == Counter(job.id for job in jobs)


def test_workers_are_told_and_forgotten(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [1e9]
    monkeypatch.setattr("rung.registry.workers.clock", lambda _: moment[0])
    here = registry.workers.enter(this_process(), "1")
    far = registry.workers.enter(replace(this_process(), host="elsewhere"), "1")
    assert [(worker.token, worker.alive) for worker in registry.workers.all()] == [(here, True), (far, True)]
    moment[0] += 100
    assert [worker.alive for worker in registry.workers.all()] == [True, False]
    assert registry.workers.beat(far)
    assert [worker.alive for worker in registry.workers.all()] == [True, True]
    registry.workers.leave(here)
    assert not registry.workers.beat(here)
    moment[0] += 100_000
    new = registry.workers.enter(this_process(), "1")
    assert [worker.token for worker in registry.workers.all()] == [new]


def test_a_registry_on_a_server_from_before_there_were_jobs_gets_their_tables(
    postgresql: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import postgres
    import psycopg

    postgres.empty(postgresql)
    monkeypatch.setenv("RUNG_DATABASE", postgresql)
    open_home(write=True).close()
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP TABLE jobs, job_events, job_states, workers")
        connection.execute("DELETE FROM migrations WHERE name LIKE '%_jobs'")
    with open_home(write=True) as opened:
        job = opened.jobs.submit(asked())
        assert opened.jobs.queue() == [job]
    refused = pytest.raises(psycopg.errors.RaiseException, match="job_events is append-only")
    with psycopg.connect(postgresql, autocommit=True) as connection, refused:
        connection.execute("DELETE FROM job_events")
