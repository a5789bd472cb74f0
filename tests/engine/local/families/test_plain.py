"""What only a model's own code can compute is right all the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
sys.path.append(str(FOLDER.parents[2] / "train"))  # toys, for the steps

from measure import Bench  # noqa: E402
from table import PLAIN, SEEING, Family  # noqa: E402

TRIED = [family for family in (*PLAIN, *SEEING) if family.kind in ("falcon", "mamba", "qwen2_vl")]


@pytest.mark.parametrize("family", TRIED, ids=[family.kind for family in TRIED])
def test_a_family_is_equal_to_transformers_and_peft(family: Family, tmp_path: Path) -> None:
    found = Bench(family, tmp_path / family.kind).measured()
    assert found.equal, found
