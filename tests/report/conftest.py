"""The documents of real climbs, each climbed once a session, when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from real_climbs import climbed

from rung.registry.documents import ClimbDocument


@pytest.fixture(scope="session")
def ended(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ClimbDocument]:
    """The document of a climb by the name of its ending (`real_climbs.WAYS`)."""
    folder = tmp_path_factory.mktemp("climbs")
    return cache(lambda name: climbed(name, folder, tiny_base))
