"""An empty home, opened to write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.registry.home import Home, open_home


@pytest.fixture
def registry(home: Path) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened
