"""A worker and its jobs: in order, each with its end; asked to pause, cancel and stop in every state."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import lines

from rung.errors import BrokenEnvironment
from rung.registry.home import Home, open_home
from rung.registry.job_states import Job, State
from rung.registry.processes import process_of, runs, this_process
from rung.worker import loop, slot
from rung.worker.loop import Worker
from rung.worker.outcome import job_folder

Shell = Callable[..., Job]
FOREVER = "tell begun; trap 'tell interrupted; end 130' INT; while :; do sleep 0.02; done"
STUBBORN = "tell begun; trap '' INT; while :; do sleep 0.02; done"


def wait_for(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)
    return found


@contextmanager
def working(home: Home, **options: Any):
    """A worker in a thread of this process, with a home of its own; it is stopped at the end of the block."""
    with open_home(home.path, write=True) as opened:
        worker = Worker(opened, **options)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(30)
            assert not thread.is_alive()


def state(home: Home, job: Job) -> State:
    return home.jobs.get(job.id).state


def test_jobs_run_one_after_another_in_the_order_of_the_queue(registry: Home, shell: Shell, told: Path) -> None:
    jobs = [shell(f"tell begin{number}; echo out; echo 'Training: 3 of 9' >&2; tell end{number}; end 0") for number in range(3)]
    ended = Worker(registry, once=True).run()
    assert [(job.id, job.state, job.exit, job.attempt, job.said) for job in ended] == [
        (job.id, "done", 0, 1, "Training: 3 of 9") for job in jobs
    ]
    assert lines(told) == ["begin0", "end0", "begin1", "end1", "begin2", "end2"]
    first, *said = (job_folder(registry.path, jobs[0].id) / "log").read_text().splitlines()
    assert first.startswith("--- rung verify tell begin0; ")
    assert sorted(said) == ["Training: 3 of 9", "out"]
    assert [event.kind for event in registry.jobs.events(jobs[0].id)] == ["submitted", "started", "done"]
    assert registry.workers.all() == [], "a worker that has gone is not there"


def test_several_run_at_once_where_there_are_slots(registry: Home, shell: Shell, told: Path) -> None:
    for number in range(2):  # each waits for the other
        shell(f'tell {number}; while ! grep -q {1 - number} "$told"; do sleep 0.01; done; end 0')
    assert [job.state for job in Worker(registry, slots=2, once=True).run()] == ["done", "done"]


def test_exit_codes_are_kept_and_the_users_error_is_told(registry: Home, shell: Shell, told: Path) -> None:
    found, wrong = shell("end 1"), shell("tell tried; end 2 user 'task.yaml:3: no such key'")
    Worker(registry, once=True).run()
    assert (state(registry, found), registry.jobs.get(found.id).exit) == ("done", 1)
    job = registry.jobs.get(wrong.id)
    assert (job.state, job.exit, job.said) == ("failed", 2, "task.yaml:3: no such key")
    assert lines(told) == ["tried"]


def test_what_crashes_is_tried_three_times_and_what_leaves_no_word_is_not_taken_for_done(
    registry: Home, shell: Shell, told: Path
) -> None:
    poison, silent, once = (
        shell("tell p; kill -9 $$"),
        shell("exit 0"),
        shell('tell o; [ $(grep -c o "$told") = 2 ] && end 0; exit 7'),
    )
    Worker(registry, once=True).run()
    assert lines(told).count("p") == 3
    job = registry.jobs.get(poison.id)
    assert (job.state, job.exit, job.crashes) == ("failed", -9, 3)
    assert job.said.startswith("It crashed 3 times; the last time: its process was ended by SIGKILL")
    assert registry.jobs.get(silent.id).said.endswith("its process ended with 0 and left no word of how")
    assert (state(registry, once), registry.jobs.get(once.id).attempt) == ("done", 2)


def test_one_that_crashes_does_not_hold_up_the_others(
    registry: Home, shell: Shell, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rung.worker.ending.CRASH_WAIT_S", 0.3)
    shell("tell crash; kill -9 $$"), shell("tell other; end 0")
    Worker(registry, once=True).run()
    assert lines(told) == ["crash", "other", "crash", "crash"]


def test_one_that_another_process_is_at_waits(registry: Home, shell: Shell, told: Path) -> None:
    job = shell('tell x; [ $(grep -c x "$told") -ge 3 ] && end 0; end 2 busy "somebody climbs it"')
    Worker(registry, once=True).run()
    known = registry.jobs.get(job.id)
    assert (known.state, known.attempt, known.crashes) == ("done", 3, 0)
    assert [event.said for event in registry.jobs.events(job.id) if event.kind == "waiting"] == ["somebody climbs it"] * 2


def test_paused_and_resumed_while_it_runs_it_goes_on(registry: Home, shell: Shell, told: Path) -> None:
    job = shell('[ -f "$told.2" ] && { tell again; end 0; }; ' + FOREVER)
    with working(registry):
        wait_for(lambda: lines(told) == ["begun"])
        assert registry.jobs.pause(registry.jobs.get(job.id)).state == "pausing"
        assert registry.jobs.pause(registry.jobs.get(job.id)).state == "pausing", "asked twice it is the same"
        wait_for(lambda: state(registry, job) == "paused")
        assert lines(told) == ["begun", "interrupted"]
        Path(f"{told}.2").touch()
        time.sleep(0.2)
        assert state(registry, job) == "paused"
        registry.jobs.resume(registry.jobs.get(job.id))
        wait_for(lambda: state(registry, job) == "done")
    assert lines(told) == ["begun", "interrupted", "again"]
    kinds = [event.kind for event in registry.jobs.events(job.id)]
    assert kinds == ["submitted", "started", "pausing", "paused", "resumed", "started", "done"]


@pytest.mark.parametrize("line", [FOREVER, STUBBORN])
def test_cancelled_while_it_runs_it_ends_and_so_does_what_it_started(
    registry: Home, shell: Shell, told: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "GRACE_S", 0.3)
    job = shell(f"sleep 600 & tell $!; {line}")
    with working(registry):
        wait_for(lambda: "begun" in lines(told))
        grandchild = process_of(int(lines(told)[0]))
        assert runs(grandchild)
        assert registry.jobs.cancel(registry.jobs.get(job.id)).state == "cancelling"
        wait_for(lambda: state(registry, job) == "cancelled")
        wait_for(lambda: not runs(grandchild))
    assert ("interrupted" in lines(told)) == (line == FOREVER)


def test_paused_and_cancelled_in_the_queue_it_is_not_begun(registry: Home, shell: Shell, told: Path) -> None:
    paused, cancelled, other = shell("tell paused; end 0"), shell("tell cancelled; end 0"), shell("tell other; end 0")
    registry.jobs.pause(paused)
    registry.jobs.cancel(cancelled)
    Worker(registry, once=True).run()
    assert lines(told) == ["other"]
    assert (state(registry, paused), state(registry, cancelled), state(registry, other)) == ("paused", "cancelled", "done")
    registry.jobs.resume(registry.jobs.get(paused.id))
    Worker(registry, once=True).run()
    assert lines(told) == ["other", "paused"]


def test_cancelled_while_it_is_being_paused(registry: Home, shell: Shell, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "GRACE_S", 0.5)
    job = shell(STUBBORN)
    with working(registry):
        wait_for(lambda: lines(told) == ["begun"])
        registry.jobs.pause(registry.jobs.get(job.id))
        registry.jobs.cancel(registry.jobs.get(job.id))
        wait_for(lambda: state(registry, job) == "cancelled")


@pytest.mark.parametrize("line", [FOREVER, STUBBORN])
def test_a_worker_that_stops_gives_its_jobs_back(
    registry: Home, shell: Shell, told: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "GRACE_S", 0.3)
    jobs = [shell(line), shell(line), shell("tell never")]
    with working(registry, slots=2):
        wait_for(lambda: lines(told) == ["begun"] * 2)
    assert [state(registry, job) for job in jobs] == ["queued"] * 3
    known = registry.jobs.get(jobs[0].id)
    assert (known.crashes, known.losses, known.token, known.child.pid) == (0, 0, "", 0)
    assert "never" not in lines(told)


def test_stopped_twice_a_worker_does_not_wait(registry: Home, shell: Shell, told: Path) -> None:
    job = shell(STUBBORN)
    began = time.monotonic()
    with working(registry) as worker:
        wait_for(lambda: lines(told) == ["begun"])
        worker.stop()
    assert time.monotonic() - began < slot.GRACE_S / 2
    assert registry.jobs.get(job.id).crashes == 0
    assert state(registry, job) == "queued"


def test_one_that_was_interrupted_from_outside_stays_paused(registry: Home, shell: Shell) -> None:
    job = shell("kill -INT $$; end 130")
    Worker(registry, once=True).run()
    known = registry.jobs.get(job.id)
    assert (known.state, known.said) == ("paused", "its process was interrupted from outside")


def test_while_the_registry_is_out_of_reach_jobs_go_on_and_their_end_is_written_later(
    registry: Home, shell: Shell, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, said, gone = shell("tell begun; end 0"), [], [True]
    whole = type(registry.jobs).end

    def end(*arguments: Any) -> Job:
        if gone[0]:
            raise BrokenEnvironment("the registry's database cannot be reached: gone")
        return whole(*arguments)

    monkeypatch.setattr(type(registry.jobs), "end", end)
    with working(registry, said=said.append):
        wait_for(lambda: any("cannot be reached" in line for line in said))
        assert state(registry, job) == "running"
        gone[0] = False
        wait_for(lambda: state(registry, job) == "done")
    assert len([line for line in said if "cannot be reached" in line]) == 1, "said once"
    assert lines(told) == ["begun"]


def test_a_worker_that_cannot_give_signs_for_long_ends_its_jobs_before_others_take_them(
    registry: Home, shell: Shell, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, said, now = shell("tell $$; " + FOREVER), [], [0.0]
    whole = type(registry.jobs).renew

    def renew(*_: Any) -> Job:
        raise BrokenEnvironment("the registry is busy")

    with working(registry, said=said.append, clock=lambda: time.monotonic() + now[0]):
        child = wait_for(lambda: (known := registry.jobs.get(job.id).child).pid and known)
        monkeypatch.setattr(type(registry.jobs), "renew", renew)
        now[0] = loop.LET_GO_S + 1
        wait_for(lambda: not runs(child))
        wait_for(lambda: any("left to others" in line for line in said))
        assert state(registry, job) == "running", "it is for others to say that it is lost"
        registry.jobs.pause(registry.jobs.get(job.id))  # asked of it meanwhile
        monkeypatch.setattr(type(registry.jobs), "renew", whole)
        wait_for(lambda: state(registry, job) == "paused", 5)
    assert loop.LET_GO_S + loop.BEAT_S < 60


def test_a_worker_whose_lease_another_has_taken_ends_its_job(registry: Home, shell: Shell, told: Path) -> None:
    job, said = shell("tell $$; " + FOREVER), []
    with working(registry, said=said.append):
        child = wait_for(lambda: (known := registry.jobs.get(job.id).child).pid and known)
        known = registry.jobs.get(job.id)
        from rung.worker.ending import after_loss

        registry.jobs.reclaim(registry.jobs.get(known.id), after_loss(known, None))
        registry.jobs.pause(registry.jobs.get(known.id))
        wait_for(lambda: not runs(child))
        assert any("lease" in line for line in said)
    assert state(registry, job) == "paused"


def test_a_worker_runs_no_job_of_another_form_or_folder_and_says_why(
    registry: Home, shell: Shell, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    other = shell("tell never", form=7, version="9.0")
    unknown = shell("tell never", kind="dance", version="9.0")
    far = shell("tell never", folder="/not/here", host="elsewhere")
    gone = shell("tell never", folder="/not/here", host=socket.gethostname())
    fits = shell("tell fits; end 0")
    for _ in range(2):
        Worker(registry, once=True).run()
    assert lines(told) == ["fits"]
    assert [state(registry, job) for job in (other, unknown, far, gone, fits)] == ["queued", "queued", "queued", "failed", "done"]
    assert registry.jobs.get(other.id).said.startswith("rung 9.0 submitted it, in a form that rung ")
    assert "'dance' cannot be a job" in registry.jobs.get(unknown.id).said
    assert registry.jobs.get(far.id).said == f"its folder /not/here is not on {socket.gethostname()}"
    assert [event.kind for event in registry.jobs.events(other.id)] == ["submitted", "refused"], "said once"


def test_a_job_runs_in_its_folder_with_its_own_settings_and_the_workers_secrets(
    registry: Home, shell: Shell, told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.setenv("RUNG_API_KEY", "sk-1234567890")
    monkeypatch.setenv("RUNG_DEVICE", "cuda")
    monkeypatch.setenv("RUNG_PRECISION", "float32")
    job = shell(
        'tell "$PWD $RUNG_HOME $RUNG_DEVICE,$RUNG_PRECISION"; echo "key $RUNG_API_KEY" >&2; end 0',
        folder=str(folder),
        settings={"RUNG_DEVICE": "cpu", "LD_PRELOAD": "/evil.so"},
    )
    Worker(registry, once=True).run()
    assert lines(told) == [f"{folder} {registry.path} cpu,"], "what was not set there is not set here"
    assert registry.jobs.get(job.id).said == "key [RUNG_API_KEY]"
    for file in [*(registry.path / "jobs").rglob("*"), registry.path / "registry.db", registry.path / "registry.db-wal"]:
        assert file.is_dir() or b"sk-1234567890" not in file.read_bytes()


def test_a_newer_rung_that_takes_over_the_home_stops_the_worker(registry: Home, shell: Shell, told: Path) -> None:
    job, said = shell(FOREVER), []
    with working(registry, said=said.append):
        wait_for(lambda: lines(told) == ["begun"])
        with registry._database.changing() as connection:
            connection.exec_driver_sql("INSERT INTO migrations VALUES (99, 's099', '9.0', '')")
        wait_for(lambda: state(registry, job) == "queued")
    assert any("a newer rung (9.0)" in line for line in said)


def test_who_is_at_work_is_known(registry: Home, shell: Shell) -> None:
    with working(registry):
        (worker,) = wait_for(registry.workers.all)
        assert worker.process == this_process()
        assert worker.alive
    assert os.getpid() == worker.process.pid
