"""A home whose user is known, with two versions of `spam` that passed; the first is the champion."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "promote"))
from shipped import none_at_hand, ship

from rung.promote.promoting import promote
from rung.registry.home import Home, open_home

GOOD = [1.0] * 60


@pytest.fixture
def spam(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        ship(opened, GOOD, name="spam")
        assert not promote(opened, "spam@1", "champion", load=none_at_hand).refused
        ship(opened, GOOD, name="spam")
        yield opened


@pytest.fixture(autouse=True)
def nothing_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rollout promises is computed elsewhere."""
    monkeypatch.setattr("rung.serve.rollout.begin.promised", lambda *_: None)
