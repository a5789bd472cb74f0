"""A home with names on the base `old`, made once, and copied for each test that moves them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from moved import Moving, adapted, climbed, write_base, write_task

from rung.registry.home import open_home

OLD = {"tone": 0.95, "mail": 0.3, "slow": 0.95}
NEW = {"tone": 0.97, "mail": 0.96, "slow": 0.3}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moving")
    tasks = folder / "tasks"
    old = write_base(tasks, "old", OLD)
    write_base(tasks, "new", NEW)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("getpass.getuser", lambda: "anna")
        patched.delenv("RUNG_IDENTITY", raising=False)
        with open_home(folder / "home", write=True) as opened:
            climbed(opened, write_task(tasks, "tone", old, traffic={"answers_per_month": 500}))
            adapted(opened, write_task(tasks, "mail", old, traffic={"answers_per_month": 9000}), old)
            climbed(opened, write_task(tasks, "slow", old, consequence="high"))
    return folder


@pytest.fixture
def moving(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    """Home, tasks and bases of one's own, at the place where they were made: a task's base is named by its path."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    kept = tmp_path / "kept"
    shutil.copytree(made, kept)
    monkeypatch.setenv("RUNG_HOME", str(made / "home"))
    tasks = made / "tasks"
    yield Moving(
        folder=tasks, home=made / "home", old=f"scripted:{tasks / 'old.py'}#answer", new=f"scripted:{tasks / 'new.py'}#answer"
    )
    shutil.rmtree(made)
    os.replace(kept, made)
