"""An empty home, opened to write, whose user is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.registry.home import Home, open_home


@pytest.fixture
def registry(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        yield opened
