"""Every family that docs/models.md names answers, is trained, and is held to a form as transformers and PEFT would."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parents[3] / "docs")]
sys.path.append(str(FOLDER.parents[2] / "train"))  # toys, for the steps

from measure import Bench  # noqa: E402
from models import HEAD, Page  # noqa: E402
from table import EVERY, Family  # noqa: E402

PAGE = FOLDER.parents[3] / "docs" / "models.md"
# What is tried on every run: a family of each way and of each thing that a way must get right. All: RUNG_ALL_FAMILIES=1.
SAMPLE = ("qwen3", "gemma2", "gpt2", "gpt_oss", "deepseek_v3", "phi3", "cohere2", "mixtral", "falcon", "mamba", "gemma3")
TRIED = [family for family in EVERY if os.environ.get("RUNG_ALL_FAMILIES") or family.kind in SAMPLE]


@pytest.mark.parametrize("family", TRIED, ids=[family.kind for family in TRIED])
def test_a_family_is_equal_to_transformers_and_peft(family: Family, tmp_path: Path) -> None:
    found = Bench(family, tmp_path / family.kind).measured()
    assert found.path == family.path
    assert found.equal, found
    assert Page.read().holds(family, found), f"{found}: run `make models`"


def test_the_page_names_every_family_once() -> None:
    page = PAGE.read_text("utf-8")
    assert page.startswith(HEAD)
    assert list(Page.read().rows) == [family.kind for family in EVERY]
    assert len({family.kind for family in EVERY}) == len(EVERY) >= 34
