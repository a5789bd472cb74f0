"""A benchmark that is called as a module of the standard library hides it from nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_http_is_still_the_standard_librarys() -> None:
    asks = "import http, http.client; print(http.HTTPStatus.OK.value, http.__file__)"
    ran = subprocess.run([sys.executable, "-c", asks], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("200 ") and "benchmarks" not in ran.stdout
