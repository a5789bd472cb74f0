import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.data.load import Loaded, Source, load_examples


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file: text, bytes, or rows as JSONL."""

    def _write(name: str, content: str | bytes | list[Any]) -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


@pytest.fixture
def load(tmp_path: Path, write: Callable[..., Path]) -> Callable[..., Loaded]:
    """Writes a file and loads it; settings are those of Source."""

    def _load(name: str, content: str | bytes | list[Any] | None, **settings: Any) -> Loaded:
        if content is not None:
            write(name, content)
        return load_examples(Source(reference=name, base_folder=tmp_path, downloads=tmp_path / "downloads", **settings))

    return _load
