from __future__ import annotations

import os
from pathlib import Path

import pytest

from rung.worker import log
from rung.worker.log import JobLog, follow, follow_tail, prune, read


def test_it_is_kept_line_by_line_and_its_end_in_memory(tmp_path: Path) -> None:
    kept = JobLog(tmp_path / "job")
    assert list(read(tmp_path / "job")) == []
    for number in range(150):
        kept.write(f"line {number}")
        assert (tmp_path / "job" / "log").read_text().endswith(f"line {number}\n"), "at once"
    assert list(read(tmp_path / "job")) == [f"line {number}" for number in range(150)]
    assert list(kept.tail) == [f"line {number}" for number in range(50, 150)]


def test_it_takes_no_more_room_than_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LONGEST_BYTES", 1000)
    kept = JobLog(tmp_path)
    for number in range(500):
        kept.write(f"line {number}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "log.1"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    found = list(read(tmp_path))
    assert found == [f"line {number}" for number in range(500 - len(found), 500)], "the end of it, without a gap"
    assert len(found) > 100


def test_a_disk_that_is_full_costs_lines_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = JobLog(tmp_path)
    kept.write("before")
    whole = JobLog._append

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JobLog, "_append", full)
    kept.write("lost")
    kept.write("lost too")
    monkeypatch.setattr(JobLog, "_append", whole)
    kept.write("after")
    assert list(read(tmp_path)) == ["before", "[2 lines could not be written]", "after"]


def test_who_follows_it_sees_each_line_once_though_it_is_put_away_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LONGEST_BYTES", 400)
    kept, written = JobLog(tmp_path), 0

    def write_more(_: float = 0.0) -> None:
        nonlocal written
        for _ in range(5):
            kept.write(f"line {written:05}")
            written += 1

    write_more()
    seen = list(follow(tmp_path, lambda: written >= 300, wait=write_more))
    assert seen == [f"line {number:05}" for number in range(300)]


def test_who_follows_one_that_ended_gets_all_of_it(tmp_path: Path) -> None:
    JobLog(tmp_path).write("all")
    assert list(follow(tmp_path, lambda: True)) == ["all"]
    assert list(follow(tmp_path / "none", lambda: True)) == []


def test_the_oldest_logs_go_and_those_of_jobs_that_are_not_over_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "KEPT_LOGS", 3)
    for number in range(8):
        folder = tmp_path / "jobs" / f"job-{number}"
        JobLog(folder).write("x")
        os.utime(folder, (number, number))
    prune(tmp_path, lambda job: job != "job-1")
    assert sorted(folder.name for folder in (tmp_path / "jobs").iterdir()) == ["job-1", "job-5", "job-6", "job-7"]


def test_what_is_told_of_a_log_elsewhere_is_followed_without_telling_a_line_twice() -> None:
    looks = iter(
        [(["a"], False), (["a"], False), (["a", "a", "b"], False), (["b", "c", "d"], False), (["x"], False), (["x"], True)]
    )
    assert list(follow_tail(lambda: next(looks), wait=lambda _: None)) == ["a", "a", "b", "c", "d", "x"]
