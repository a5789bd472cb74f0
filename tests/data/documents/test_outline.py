"""Titles and tables of Markdown, as its readers show them, and in no time that grows with more than a document's length."""

from __future__ import annotations

import pytest

from rung.data.documents.chunk import chunk
from rung.data.documents.outline import headers, titles_of
from rung.data.documents.parsed import Parsed

ROWS = "".join(f"| item {number} \\| x | {number} |\n" for number in range(60))
BARE = "".join(f"item {number} | {number}\n" for number in range(60))


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("# A #\n\n## B ##  \n\n### C#\n\n#no\n\n#\n", [(1, "A"), (2, "B"), (3, "C#")]),
        ("Title\n=====\n\nPart\n---\n\n- item\n---\n\na\nb\n---\n", [(1, "Title"), (2, "Part")]),
        ("---\ntitle: x\n---\n\n# A\n", [(1, "A")]),
        ("````\n```\n# no\n```\n# no\n````\n# A\n", [(1, "A")]),
        ("  ```\n  # no\n```\n# A\n", [(1, "A")]),
        ("~~~\n# no\n```\n# no\n~~~\n# A\n", [(1, "A")]),
        ("``` not a fence ```\n# A\n", [(1, "A")]),
        ("   # A\n\n    # code\n", [(1, "A")]),
    ],
)
def test_titles_are_those_that_are_shown(text, titles) -> None:
    assert [(title.level, title.words) for title in titles_of(text, markdown=True)] == titles


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (f"| A \\| B | C |\n|:---|---:|\n{ROWS}", ("A \\| B | C",)),
        (f"A | C\n--- | ---\n{BARE}", ("A | C",)),
        ("  | A | C |\n  | - | - |\n" + "".join(f"  {row}\n" for row in ROWS.splitlines()), ("A | C",)),
        ("> | A | C |\n> |---|---|\n" + "".join(f"> {row}\n" for row in ROWS.splitlines()), ("A | C",)),
        (f"```\n| A | C |\n|---|---|\n{ROWS}```\n", ()),
        (f"|  |  |\n| --- | --- |\n{ROWS}", ()),
        (f"| A | C |\n\n|---|---|\n{ROWS}", ()),
    ],
)
def test_a_row_is_told_its_header_unless_it_is_code(text, header) -> None:
    assert headers(text, [text.index("item 40")]) == [header]
    assert headers(f"{text}\nAfter.", [len(text) + 1]) == [()]


def test_the_pieces_of_a_code_block_have_no_header() -> None:
    text = f"# T\n\n```\n| A | C |\n|---|---|\n{ROWS}```\n"
    assert {piece.headings for piece in chunk("d", Parsed(text=text, markdown=True), 200)[1:]} == {("T",)}


@pytest.mark.parametrize("text", [f"# a{' ' * 200_000}b\n", f"# {'#' * 200_000}x\n", "| a |\n" * 50_000, f"|{'-' * 200_000}x\n"])
def test_a_long_line_takes_no_longer_than_it_is_long(text) -> None:
    titles_of(text, markdown=True)
    titles_of(text, markdown=False)
    headers(f"| a |\n{text}", [3])
