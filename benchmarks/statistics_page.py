"""docs/statistics.md and the places in it where tables stand: between `<!-- name -->` and `<!-- end -->`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_table(page: str, name: str, text: str) -> str:
    """The page with one table in its place."""
    before, rest = page.split(f"<!-- {name} -->\n")
    return f"{before}<!-- {name} -->\n{text}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"


def put(name: str, text: str) -> None:
    """Writes one table into the page."""
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), name, text), "utf-8")
