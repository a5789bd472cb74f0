from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[3]))  # tiny
sys.path.append(str(Path(__file__).parents[3] / "train"))  # toys
from making import make
from oracle import load

from rung.engine.local.model import LocalModel


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a kind, made once."""
    folders: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = make(kind, tmp_path_factory.mktemp(kind) / "base")
        return folders[kind]

    return folder


@pytest.fixture(scope="session")
def loaded(made: Callable[[str], Path]) -> Callable[[str], LocalModel]:
    """The model of a kind in float32, loaded once."""
    models: dict[str, LocalModel] = {}

    def model(kind: str) -> LocalModel:
        if kind not in models:
            models[kind] = load(made(kind))
        return models[kind]

    return model
