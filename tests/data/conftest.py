from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.data.load import Loaded, load_examples
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns


@pytest.fixture
def load(tmp_path: Path, write: Callable[..., Path]) -> Callable[..., Loaded]:
    """Writes a file and loads it; settings are those of Source."""

    def _load(name: str, content: str | bytes | list[Any] | None, **settings: Any) -> Loaded:
        if content is not None:
            write(name, content)
        settings["columns"] = Columns.read(settings.get("columns", {}))
        return load_examples(Source(reference=name, base_folder=tmp_path, downloads=tmp_path / "downloads", **settings))

    return _load
