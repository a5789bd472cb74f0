"""A filled home, and the dashboard over it, once for all that only look."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("fastapi", reason="the server is not installed: pip install 'rung[serve]'")

import filled
import parts
from visitor import Visitor

from rung.registry.home import Home, open_home
from rung.serve.dashboard.data import Controls


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A filled home. Look at it, change nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("RUNG_DATABASE", raising=False)
        patched.delenv("RUNG_BLOBS", raising=False)
        with open_home(tmp_path_factory.mktemp("dashboard") / "home", write=True) as home:
            filled.fill(home)
            yield home


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The same, where every text that others could have written is an attack."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("RUNG_DATABASE", raising=False)
        patched.delenv("RUNG_BLOBS", raising=False)
        with open_home(tmp_path_factory.mktemp("attacked") / "home", write=True) as home:
            filled.fill(home, filled.ATTACK)
            yield home


@pytest.fixture
def empty(home: Path) -> Iterator[Home]:
    """A home in which nothing is yet."""
    with open_home(home, write=True) as opened:
        yield opened


@pytest.fixture
def all_parts(kept: Home) -> Controls:
    """Every part of the server, anew for each test."""
    return parts.controls(kept)


@pytest.fixture
def anna(all_parts: Controls) -> Visitor:
    """Somebody who is logged in."""
    return Visitor(all_parts).log_in()
