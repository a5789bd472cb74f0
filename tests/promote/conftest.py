"""An empty home, opened to write, whose user is known; in a file and on a PostgreSQL server, as in tests/registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import on_both

from rung.registry.home import Home, open_home


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on_both(metafunc)


@pytest.fixture
def registry(home: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        yield opened
