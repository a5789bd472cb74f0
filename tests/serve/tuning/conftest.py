"""One server for a module, and the real client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tuning_server import TuningServer, tuning_server

from rung.registry.home import Home, open_home

openai = pytest.importorskip("openai", reason="the package openai is not installed: pip install 'rung[test]'")


@pytest.fixture(scope="module")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with open_home(tmp_path_factory.mktemp("tuning") / "home", write=True) as home:
        yield home


@pytest.fixture(scope="module")
def server(server_home: Home, tiny_base: Path) -> Iterator[TuningServer]:
    with tuning_server(server_home, tiny_base) as running:
        yield running


@pytest.fixture(autouse=True)
def no_fault_is_left(server: TuningServer) -> Iterator[None]:
    yield
    server.faults.clear()
    server.asked.clear()
