from __future__ import annotations

from pathlib import Path

import pytest
from oracle import load, random_adapter, reference_model


@pytest.fixture(scope="session")
def tiny(tiny_base: Path):
    """The tiny model in float32."""
    return load(tiny_base)


@pytest.fixture(scope="session")
def tiny_reference(tiny_base: Path):
    """The same model in transformers."""
    return reference_model(tiny_base)


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory, tiny) -> Path:
    return random_adapter(tmp_path_factory.mktemp("adapter") / "one", tiny)


@pytest.fixture(scope="session")
def other_adapter(tmp_path_factory: pytest.TempPathFactory, tiny) -> Path:
    return random_adapter(tmp_path_factory.mktemp("adapter") / "two", tiny, seed=2, rank=8)
