"""An empty home, opened to write: with its registry in a file, and again on a PostgreSQL server where one is installed.

Tests marked `sqlite` look into the file: they are run with that alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import on_both

from rung.registry.home import Home, open_home


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on_both(metafunc)


@pytest.fixture
def registry(home: Path, database: str) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened
