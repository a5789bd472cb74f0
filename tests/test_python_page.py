"""docs/python.md names every public name, and its examples run, one after the other, as they stand."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import rung

sys.path.insert(0, str(Path(__file__).parent / "climb"))
from toy import write_toy

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_run(tiny_base, home, tmp_path, monkeypatch, capsys):
    write_toy(tmp_path, tiny_base, noise=0.0, at_least=0.75)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, example in enumerate(EXAMPLES):
        exec(compile(example, f"docs/python.md, example {number + 1}", "exec"), names)
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[:2] == ["toy@1", "positive"]
    assert lines[2].startswith("pass r0_linear ")
    assert lines[-1] == "no candidate is called 'tony' Did you mean 'toy'?"
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert not shown.err, "progress in a script is not asked for"


def test_every_public_name_is_on_the_page():
    assert [name for name in rung.__all__ if not re.search(rf"\b{name}\b", PAGE)] == ["__version__"]
