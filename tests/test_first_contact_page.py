"""docs/first-contact.md shows what `rung init` makes of each file today."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))  # the page's makers are scripts beside it

from first_contact import HEAD, MADE, TAIL, section_of  # noqa: E402
from trade import FILES, Trade  # noqa: E402

PAGE = DOCS / "first-contact.md"


@pytest.mark.parametrize("trade", FILES, ids=[trade.name for trade in FILES])
def test_the_page_shows_what_comes_out(trade: Trade, home: Path) -> None:
    assert section_of(trade) in PAGE.read_text("utf-8"), "run `make docs`"


def test_the_page_is_of_twelve_files_and_says_where_the_keys_are() -> None:
    page = PAGE.read_text("utf-8")
    assert page.startswith(f"{MADE}\n{HEAD}")
    assert page.endswith(TAIL)
    assert page.removesuffix(TAIL).count("\n## ") == len(FILES) == len({trade.name for trade in FILES}) == 12
    assert "first-contact.md" in (DOCS / "task-file.md").read_text("utf-8")


@pytest.mark.parametrize("trade", FILES, ids=[trade.name for trade in FILES])
def test_a_file_has_the_same_bytes_every_time(trade: Trade) -> None:
    assert trade.content() == trade.content()
