"""The user's own function: loaded once for rows, scorers and scripted bases, its mistakes told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.user_code import load_function, place_of


def test_a_function_its_neighbours_and_its_changes(tmp_path: Path) -> None:
    (tmp_path / "beside_user_code.py").write_text("LIMIT = 3\n", "utf-8")
    file = tmp_path / "mine.py"
    for answer in (1, 2):
        body = "from dataclasses import dataclass\nfrom beside_user_code import LIMIT\n@dataclass\nclass Kept:\n    value: int\n"
        file.write_text(f"{body}def f():\n    return Kept(LIMIT + {answer}).value\n", "utf-8")
        assert load_function(file, "f")() == 3 + answer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def ff(): ...\n", r"(?s)mine\.py: there is no function 'f'.*Did you mean 'ff'"),
        ("f = 3\n", r"mine\.py: there is no function 'f'"),
        ("a = 1\nnope\n", r"mine\.py:2: NameError: name 'nope' is not defined"),
        ("a = 1\ndef f(:\n", r"mine\.py:2: SyntaxError"),
        ("import no_such_module\n", r"mine\.py:1: ModuleNotFoundError"),
        (None, r"(?s)mine\.py: there is no such file.*Write it"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text, "utf-8")
    with pytest.raises(UserError, match=message):
        load_function(tmp_path / "mine.py", "f", hint="Write it.")


def test_the_place_is_the_users_own_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import json\n\ndef f():\n    return json.loads('{')\n", "utf-8")
    with pytest.raises(ValueError, match="property name") as caught:
        load_function(file, "f")()
    assert place_of(caught.value, file) == f"{file}:4"
