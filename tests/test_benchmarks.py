"""A script's folder comes first on its path: no benchmark has the name of a module of Python's library."""

from __future__ import annotations

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_no_benchmark_hides_a_module_of_pythons_library() -> None:
    names = {file.stem for file in BENCHMARKS.glob("*.py")}
    assert "worlds" in names and not names & sys.stdlib_module_names
