"""A home for jobs, in a file or on PostgreSQL; and jobs that are lines of shell, which take no time to start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "registry"))
import postgres

from rung.registry.home import Home, open_home
from rung.registry.job_states import Job, Submission
from rung.worker import ending, loop, slot

# What a line of shell finds: `end CODE` leaves the outcome and exits, `log WORD` tells the test something.
TOOLS = """
outcome="$1"; told="$2"
end() { printf '{"code": %s, "fault": "%s", "said": "%s"}' "$1" "$2" "$3" > "$outcome"; exit "$1"; }
tell() { echo "$1" >> "$told"; }
"""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="the package psycopg is not installed: pip install 'rung[postgres]'")
    where = postgres.programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.server(where) as url:
        yield url


@pytest.fixture(params=["file"])
def registry(home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """In a file; on both where a test is parametrised so."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
        postgres.empty(url)
        monkeypatch.setenv("RUNG_DATABASE", url)
    with open_home(write=True) as opened:
        yield opened


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Where lines of shell tell what they do."""
    return tmp_path / "told"


@pytest.fixture
def shell(registry: Home, told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """Submits a job that is a line of shell; workers are quick to look."""
    monkeypatch.setattr(slot, "command", lambda outcome, line: ["/bin/sh", "-c", TOOLS + line[1], "sh", str(outcome), str(told)])
    monkeypatch.setattr(loop, "POLL_S", 0.05)
    monkeypatch.setattr(loop, "REAP_S", 0.05)
    monkeypatch.setattr(loop, "BEAT_S", 0.2)
    monkeypatch.setattr(ending, "CRASH_WAIT_S", 0.0)
    monkeypatch.setattr(ending, "BUSY_WAIT_S", 0.05)

    def submit(line: str, **more: object) -> Job:
        asked = {"kind": "verify", "arguments": (line,), "folder": str(tmp_path), "version": loop.__version__, **more}
        return registry.jobs.submit(Submission(**asked))  # type: ignore[arg-type]

    return submit


def lines(told: Path) -> list[str]:
    return told.read_text().splitlines() if told.exists() else []
