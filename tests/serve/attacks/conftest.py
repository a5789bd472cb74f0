"""One server for all attacks that leave it standing, as all must."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    from attacked import under_attack

    with under_attack(tmp_path_factory.mktemp("attacked") / "home") as made:
        yield made
