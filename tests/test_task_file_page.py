"""docs/task-file.md names every key of a task file, and every example on it is one that Rung takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from rung.data.shapes.columns import COLUMN_KEYS
from rung.errors import UserError
from rung.rungs.base import rung_named
from rung.task.keys import BarSpec, TaskSpec
from rung.task.load import _checked
from rung.task.positions import Located
from rung.task.yaml12 import Loader
from rung.verify.problems import _models_in, keys_of

PAGE = (Path(__file__).parents[1] / "docs" / "task-file.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LEAST: dict[str, Any] = {"name": "x", "data": {"examples": "x.csv"}, "quality": {"scorer": "exact", "at_least": 0.5}}


def every_key(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a model and of the models in it."""
    yield from keys_of(model)
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            yield from every_key(inner)


def keys_as_written(value: Any) -> Any:
    """A key is a text, as the reader of task files takes it."""
    return {str(key): keys_as_written(part) for key, part in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.split(":")[0] + str(at) for at, example in enumerate(EXAMPLES)])
def test_an_example_is_taken(example: str) -> None:
    value = LEAST | keys_as_written(yaml.load(example, Loader))
    _checked(Located(value=value, shown="task.yaml"))
    for name, settings in value.get("rungs", {}).items():
        kind = rung_named(name).settings_kind(settings)
        assert kind is not None
        kind.model_validate(settings)


def test_an_example_with_a_wrong_key_would_be_seen() -> None:
    with pytest.raises(UserError, match="knowlege"):
        _checked(Located(value=LEAST | {"knowlege": "docs"}, shown="task.yaml"))


def test_every_key_is_on_the_page() -> None:
    keys = {*every_key(TaskSpec), *keys_of(BarSpec), *COLUMN_KEYS, "file"}
    assert [key for key in sorted(keys) if not re.search(rf"(`|^|[{{ ,]){key}(`|:)", PAGE, re.MULTILINE)] == []
