from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from rung.registry import processes
from rung.registry.processes import process_of, runs, this_process


def test_this_one_runs() -> None:
    assert this_process().pid == os.getpid()
    assert runs(this_process()) is True


def test_one_that_was_killed_does_not_run_whether_or_not_its_parent_has_noticed() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = process_of(child.pid)
    assert runs(known) is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
    assert runs(known) is False
    child.wait()
    assert runs(known) is False


def test_a_number_that_was_given_out_again_is_another_process() -> None:
    here = this_process()
    assert runs(replace(here, started=f"{here.started.rpartition('/')[0]}/1")) is False


def test_what_cannot_be_known_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs(replace(this_process(), host="elsewhere")) is None
    here = this_process()
    boot, numbers, start = here.started.split("/")
    for elsewhere in (f"another-boot/{numbers}/{start}", f"{boot}/pid:[1]/{start}"):  # a namesake's, or a container's
        assert runs(replace(here, started=elsewhere)) is None
    monkeypatch.setattr(processes, "_place", lambda: "")  # no /proc
    assert runs(replace(here, started="")) is None
