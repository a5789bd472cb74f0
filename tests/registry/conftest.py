"""An empty home, opened to write: with its registry in a file, and again on a PostgreSQL server where one is installed.

Tests marked `sqlite` look into the file: they are run with that alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import buckets
from postgres import on_both

from rung.registry.home import Home, open_home


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on_both(metafunc)


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    pytest.importorskip("s3fs", reason="the package s3fs is not installed: pip install 'rung[s3]'")
    pytest.importorskip("moto", reason="the package moto is not installed: pip install 'moto[server]'")
    with buckets.server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(bucket_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of an empty prefix in a bucket."""
    buckets.credentials(monkeypatch)
    buckets.make(bucket_server, "blobs")
    return f"s3://blobs/{tmp_path.name}?endpoint={bucket_server}"


@pytest.fixture
def registry(home: Path, database: str) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened
