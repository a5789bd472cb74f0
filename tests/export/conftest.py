"""A home that is open to write, and adapters of a tiny base."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exported import ODD_SCALES, peft_folder

from rung.registry.home import Home, open_home


@pytest.fixture
def registry(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        yield opened


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def plain_adapter(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of low rank, alpha / r throughout."""
    return peft_folder(tiny_base, tmp_path_factory.mktemp("adapters") / "plain", 1)


@pytest.fixture(scope="session")
def odd_adapter(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of low rank, with scales that programs get wrong."""
    return peft_folder(tiny_base, tmp_path_factory.mktemp("adapters") / "odd", 2, **ODD_SCALES)
