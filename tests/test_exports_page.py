"""docs/exports.md tells of every format, and its figures hold."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from rung import plugins

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "exports.md").read_text("utf-8")
sys.path.append(str(ROOT / "benchmarks"))  # last: a script there has the name of another in docs

from exports import FIGURES, HEADS, PAGE as WRITTEN, VERSIONS  # noqa: E402, I001

ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| `\w+` ", line)]


@pytest.mark.parametrize("name", plugins.names("formats"))
def test_every_format_has_its_section_and_its_figure(name: str) -> None:
    assert f"\n### {name}\n" in PAGE
    reader = plugins.load("formats", name).READER
    if reader and find_spec(reader) is None:
        pytest.skip(f"{reader} is not installed: nothing could be compared here")
    assert f"`{name}`" in [row[0] for row in ROWS], "run `python benchmarks/exports.py --write`"


def test_the_figures_are_those_of_the_command_and_hold() -> None:
    assert WRITTEN == ROOT / "docs" / "exports.md" and f"<!-- {FIGURES} -->" in PAGE
    assert f"| {' | '.join(HEADS)} |" in PAGE and "Made by `python benchmarks/exports.py --write`" in PAGE
    for row in ROWS:
        figure, bound = float(row[4]), float(row[5].split()[-1])
        assert figure >= bound if "least" in row[5] else figure <= bound, row
        assert row[1] in VERSIONS and int(row[6].replace(",", "")) > 0
