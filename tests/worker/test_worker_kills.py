"""kill -9 of the worker, of the job, of both, at any step: each job ends once, and nothing goes on that nobody watches."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import lines

from rung.registry.home import Home, open_home
from rung.registry.job_states import Job
from rung.registry.jobs import Jobs
from rung.registry.processes import process_of, runs
from rung.worker import reaping
from rung.worker.loop import Worker
from rung.worker.process import JobProcess
from rung.worker.reaping import Watch, reap
from rung.worker.slot import Slot

Shell = Callable[..., Job]
BOTH = pytest.mark.parametrize("registry", ["file", "postgresql"], indirect=True)
FORKED = multiprocessing.get_context("fork")


def work(home: Path, before: Callable[[], object] = lambda: None, slots: int = 1) -> None:
    before()
    with open_home(home, write=True) as opened:
        Worker(opened, once=True, slots=slots).run()


def start(home: Path, before: Callable[[], object] = lambda: None, slots: int = 1) -> multiprocessing.process.BaseProcess:
    process = FORKED.Process(target=work, args=(home, before, slots))
    process.start()
    return process


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(where: type, method: str, *, after: bool) -> Callable[[], None]:
    """Makes this process kill itself before or after a step of the worker's."""

    def plant() -> None:
        whole = getattr(where, method)

        def step(*arguments: Any, **named: Any) -> Any:
            if not after:
                die()
            whole(*arguments, **named)
            return die()

        setattr(where, method, step)

    return plant


STEPS = [
    (Jobs, "claim"),
    (Slot, "start"),
    (JobProcess, "__init__"),
    (Jobs, "renew"),
    (Slot, "finish"),
    (Jobs, "end"),
    (Slot, "close"),
]


@pytest.mark.parametrize(
    ("registry", "where", "method", "after"),
    [("file", *step, after) for step in STEPS for after in (False, True)]
    + [("postgresql", Jobs, "claim", True), ("postgresql", Jobs, "end", False)],
    indirect=["registry"],
)
def test_a_worker_killed_between_any_two_steps(
    registry: Home, shell: Shell, told: Path, where: type, method: str, after: bool
) -> None:
    job = shell("tell begun; end 0")
    registry.close()
    process = start(registry.path, dying(where, method, after=after))
    process.join()
    assert process.exitcode == -signal.SIGKILL
    work(registry.path)
    known = registry.jobs.get(job.id)
    assert (known.state, known.exit, known.crashes) == ("done", 0, 0)
    assert 1 <= len(lines(told)) <= 2
    kinds = [event.kind for event in registry.jobs.events(job.id)]
    assert [event.number for event in registry.jobs.events(job.id)] == list(range(len(kinds)))
    assert kinds.count("done") == 1


def test_what_had_ended_when_its_worker_was_killed_is_not_run_again(registry: Home, shell: Shell, told: Path) -> None:
    shell("tell begun; end 0")
    registry.close()
    start(registry.path, dying(Slot, "finish", after=False)).join()
    work(registry.path)
    assert lines(told) == ["begun"]


def test_a_worker_that_is_killed_leaves_a_job_to_the_next_which_ends_its_process_first(
    registry: Home, shell: Shell, told: Path
) -> None:
    job = shell('tell $$; [ -f "$told.2" ] && end 0; trap "" INT; while :; do sleep 0.02; done')
    registry.close()
    worker = start(registry.path)
    while not lines(told) or registry.jobs.get(job.id).child.pid == 0:
        time.sleep(0.01)
    orphan = process_of(int(lines(told)[0]))
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join()
    assert runs(orphan), "a line of shell does not watch its worker"
    Path(f"{told}.2").touch()
    work(registry.path)
    assert not runs(orphan)
    known = registry.jobs.get(job.id)
    assert (known.state, known.losses, known.attempt) == ("done", 1, 2)


def test_who_asks_something_of_a_job_whose_worker_was_killed_need_not_wait_for_another(
    registry: Home, shell: Shell, told: Path
) -> None:
    jobs = [shell("tell begun; while :; do sleep 0.02; done") for _ in range(2)]
    registry.close()
    worker = start(registry.path, slots=2)
    while lines(told) != ["begun"] * 2:
        time.sleep(0.01)
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join()
    assert reaping.is_orphaned(registry.jobs.get(jobs[0].id))
    registry.jobs.pause(registry.jobs.get(jobs[0].id))
    registry.jobs.cancel(registry.jobs.get(jobs[1].id))
    reap(registry, Watch())
    assert [registry.jobs.get(job.id).state for job in jobs] == ["paused", "cancelled"]


def test_of_another_machine_only_signs_of_life_tell_and_no_clock_but_the_waiters_own(
    registry: Home, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from rung.registry.processes import this_process

    monkeypatch.setattr("rung.registry.jobs.now", lambda: "1999-01-01T00:00:00.000+00:00")
    far = replace(this_process(), host="elsewhere")
    job = shell("end 0")
    held = registry.jobs.claim(far, "pid 1 on elsewhere", lambda _: True)
    assert held is not None
    seconds = [0.0]
    watch = Watch(lambda: seconds[0])
    assert reap(registry, watch) == []
    for _ in range(5):  # it lives
        seconds[0] += reaping.STALE_S - 1
        held = registry.jobs.renew(held)
        assert reap(registry, watch) == []
    for clock in (0.0, 1e12, -1e12):  # whatever the database's clock says
        monkeypatch.setattr("rung.registry.jobs.clock", lambda _, clock=clock: clock)
        assert reap(registry, watch) == []
    seconds[0] += reaping.STALE_S + 1
    assert [one.id for one in reap(registry, watch)] == [job.id]
    Worker(registry, once=True).run()
    assert registry.jobs.get(job.id).state == "done"


@BOTH
def test_two_workers_race_for_fifty_jobs_and_each_is_run_once(registry: Home, shell: Shell, told: Path) -> None:
    jobs = [shell(f"tell {number}; end 0") for number in range(50)]
    registry.close()
    workers = [start(registry.path, slots=2) for _ in range(2)]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert Counter(lines(told)) == Counter(str(number) for number in range(50))
    known = registry.jobs.all()
    assert {(job.state, job.attempt) for job in known} == {("done", 1)}
    assert len({event.worker for event in registry.jobs.events() if event.kind == "started"}) == 2, "both had some"
    assert [job.id for job in known] == [job.id for job in reversed(jobs)]


@BOTH
def test_killed_at_random_moments_every_job_ends_and_none_is_at_work_twice(
    registry: Home, shell: Shell, told: Path, tmp_path: Path
) -> None:
    """A longer form, 60 jobs and 60 kills, behind RUNG_ALL_KILLS."""
    wanted, kills = (60, 60) if os.environ.get("RUNG_ALL_KILLS") else (8, 6)
    draw, forked = random.Random(9), 0
    for number in range(wanted):  # who is at work twice finds the folder of the other, unless that was killed
        shell(
            f'at="{tmp_path}/at{number}"; [ -e "$at" ] && kill -0 $(cat "$at") 2>/dev/null && tell twice{number};'
            f'echo $$ > "$at"; sleep 0.0{number % 9}; rm "$at"; tell {number}; end 0'
        )
    registry.close()
    running = [start(registry.path, slots=2) for _ in range(2)]
    for _ in range(kills):
        time.sleep(draw.uniform(0.02, 0.15))
        place = draw.randrange(2)
        held = [job for job in registry.jobs.held() if job.child.pid]
        if held and draw.random() < 0.5 and runs(held[0].child):
            os.kill(held[0].child.pid, signal.SIGKILL)
            forked += 1
        if running[place].is_alive() and draw.random() < 0.7:
            os.kill(running[place].pid or 0, signal.SIGKILL)
        running[place].join(0.05)
        if not running[place].is_alive():
            running[place] = start(registry.path, slots=2)
    for process in running:
        process.join()
    work(registry.path)
    told_of = Counter(lines(told))
    assert not [line for line in told_of if line.startswith("twice")]
    states = Counter(job.state for job in registry.jobs.all())
    assert set(states) <= {"done", "failed"}
    assert states["failed"] <= forked // 3, "only what was killed three times"
    for job in registry.jobs.all():
        events = registry.jobs.events(job.id)
        assert [event.number for event in events] == list(range(len(events)))
        assert sum(event.kind == "done" for event in events) <= 1
