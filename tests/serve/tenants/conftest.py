"""An open home, its registry in a file, and again on a PostgreSQL server for tests that ask for `registry`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from postgres import on_both

from rung.registry.home import Home, open_home
from rung.serve.tenants.tenancy import Tenancy, open_tenancy


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on_both(metafunc)


@pytest.fixture
def registry(home: Path, database: str) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened


@pytest.fixture
def tenancy(registry: Home) -> Iterator[Tenancy]:
    opened = open_tenancy(registry)
    yield opened
    opened.close()
