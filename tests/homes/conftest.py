"""Two homes: `mine`, which RUNG_HOME names, and `team`, beside it. Both are opened to write by anna."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "promote"))
sys.path.insert(0, str(Path(__file__).parents[1] / "registry"))
import buckets
import postgres

from rung.registry.home import Home, open_home
from rung.registry.places import Places


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)


@pytest.fixture
def mine(home: Path) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Home]:
    with open_home(tmp_path / "team", write=True) as opened:
        yield opened


@pytest.fixture
def server_team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home whose registry is in PostgreSQL and whose blobs are in a bucket."""
    pytest.importorskip("psycopg")
    pytest.importorskip("s3fs")
    where = postgres.programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    buckets.credentials(monkeypatch)
    with postgres.server(where) as url, buckets.server() as endpoint:
        postgres.empty(url)
        buckets.make(endpoint, "blobs")
        places = Places(database=url, blobs=f"s3://blobs/team?endpoint={endpoint}")
        with open_home(tmp_path / "server-team", write=True, places=places) as opened:
            yield opened
