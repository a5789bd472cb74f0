"""Chunks follow the structure, and say where they stand."""

from __future__ import annotations

from rung.data.documents.chunk import chunk, short_ids
from rung.data.documents.parsed import Parsed

GUIDE = """# Guide

Welcome.

## Doors

The front door opens at nine. The back door never does.

```sh
# not a heading
```

## Windows

### Upper

Keep them shut in the rain, and open them in the sun.
"""


def test_spans_cover_the_text_and_headings_are_those_above():
    parsed = Parsed(text=GUIDE, markdown=True)
    chunks = chunk("guide.md", parsed, 70)
    assert all(GUIDE[piece.start : piece.end] == piece.text and len(piece.text) <= 70 for piece in chunks)
    [upper] = [piece for piece in chunks if "in the rain" in piece.text]
    assert upper.headings[:2] in {("Guide", "Windows"), ("Guide",)}
    assert upper.text.startswith(("### Upper", "## Windows", "Keep")) and "door" not in upper.text
    assert not any("not a heading" in title for piece in chunks for title in piece.headings)
    assert "".join(piece.text for piece in chunks).replace("\n", "") == GUIDE.replace("\n", "")


def test_underlined_titles_are_headings():
    text = "LIGHTS\n------\n\n" + "Green means go. " * 20 + "\n\nSmall\n^^^^^\n\n" + "Red means stop. " * 20
    chunks = chunk("a.rst", Parsed(text=text, markdown=False), 120)
    assert {piece.headings for piece in chunks} == {(), ("LIGHTS",), ("LIGHTS", "Small")}


def test_an_id_is_the_same_for_as_long_as_the_passage_is():
    parsed = Parsed(text=GUIDE, markdown=True)
    before = short_ids(chunk("guide.md", parsed, 70))
    after = short_ids(chunk("guide.md", Parsed(text=GUIDE.replace("in the sun", "at noon"), markdown=True), 70))
    assert [piece.id for piece in before[:-1]] == [piece.id for piece in after[:-1]]
    assert before[-1].id != after[-1].id
    assert {len(piece.id) for piece in before} == {8}


def test_ids_that_would_collide_are_longer():
    [one] = chunk("a", Parsed(text="one", markdown=False), 100)
    from dataclasses import replace

    assert [piece.id for piece in short_ids([replace(one, id="0" * 64), replace(one, id="0" * 8 + "1" * 56)])] == [
        "0" * 8,
        "0" * 8 + "1",
    ]
