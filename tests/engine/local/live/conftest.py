from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_oracle import RANKS
from oracle import load, random_adapter

from rung.engine.backend import AdapterUse
from rung.engine.live import Limits
from rung.engine.local.answering import Answering


@pytest.fixture(scope="session")
def live_tiny(tiny_base: Path):
    """The tiny model in float32."""
    return load(tiny_base)


@pytest.fixture(scope="session")
def uses(live_tiny, tmp_path_factory: pytest.TempPathFactory) -> list[AdapterUse]:
    """Adapters of several ranks."""
    root = tmp_path_factory.mktemp("live")
    return [AdapterUse.of(random_adapter(root / str(n), live_tiny, seed=n + 30, rank=rank)) for n, rank in enumerate(RANKS)]


@pytest.fixture(scope="module")
def desk(live_tiny) -> Iterator:
    """The model, for many threads."""
    opened = Answering(live_tiny).live(Limits(rows=6, pass_tokens=24))
    yield opened
    opened.close()
