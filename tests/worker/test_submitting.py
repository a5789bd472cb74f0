from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.registry.home import Home
from rung.registry.submission import SETTINGS
from rung.worker.submitting import RUNNABLE, check, submit


def test_a_command_line_is_kept_with_its_folder_and_settings_and_no_secret(
    registry: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.yaml").touch()
    monkeypatch.setenv("RUNG_API_KEY", "sk-1234567890")
    monkeypatch.setenv("RUNG_PRECISION", "float32")
    monkeypatch.delenv("RUNG_DEVICE", raising=False)
    job = submit(registry, ["climb", "task.yaml", "--all"], labels={"for": "me"})
    assert job.asked.line == ("climb", "task.yaml", "--all")
    assert (job.asked.folder, job.asked.settings, job.asked.labels) == (str(tmp_path), {"RUNG_PRECISION": "float32"}, {"for": "me"})
    assert "sk-1234567890" not in str(registry.jobs.all())
    assert not [name for name in SETTINGS if "KEY" in name or name == "RUNG_HOME"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ([], "which command is the job"),
        (["worker"], "'worker' cannot be a job"),
        (["jobs"], "'jobs' cannot be a job"),
        (["answer", "tone", "x"], "'answer' cannot be a job"),
        (["clmb"], "'clmb' cannot be a job"),
        (["climb"], "rung climb: Missing argument 'TASK'"),
        (["climb", "task.yaml", "--alll"], "rung climb: No such option"),
        (["climb", "none.yaml"], "none.yaml: is not there"),
        (["climb", "task.yaml", "--background"], "already"),
        (["verify", "https://anna:geheim@host/x"], "a password stands in the command line"),
    ],
)
def test_what_cannot_be_a_job_is_refused_at_once(registry: Home, tmp_path: Path, line: list[str], problem: str) -> None:
    (tmp_path / "task.yaml").touch()
    with pytest.raises(UserError, match=problem):
        submit(registry, line, folder=tmp_path)
    assert registry.jobs.all() == []


def test_a_setting_that_is_none_is_not_kept(registry: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_IDENTITY", "-----BEGIN PRIVATE KEY-----\nMIIE\n")
    with pytest.raises(UserError, match="RUNG_IDENTITY is no setting") as caught:
        submit(registry, ["verify"], folder=tmp_path)
    assert "MIIE" not in caught.value.message


def test_what_may_be_a_job_is_a_command() -> None:
    from rung.cli.app import commands

    known = commands.list_commands(None)  # type: ignore[arg-type]
    assert {"climb", "verify", "eval", "demo"} <= set(RUNNABLE) & set(known)
    check(["verify", "tone@3", "--replay", "2"])
