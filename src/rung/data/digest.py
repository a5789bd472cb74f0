"""Digests of data: one Merkle root per split over the rows' own digests, and keys by which a text is found again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rung.data.split import normalise
from rung.json_form import digest
from rung.merkle import merkle_root
from rung.types import SPLITS, Example

# Enough of a digest for texts: two of a million rows share one by chance once in 10^7 times.
KEY_DIGITS = 16
# A text of so many lines is one of fields, each of which may be asked for by itself; a longer one is a text.
FEW_LINES = 12
# A shorter target is a label, or a number: it says nothing of its row.
TELLING = 20
ASKED = ("user", "assistant", "tool")


def data_digests(examples: Sequence[Example]) -> dict[str, str]:
    """Split -> Merkle root of its rows, for the splits that have rows."""
    rows = {name: [example.digest for example in examples if example.split == name] for name in SPLITS}
    return {name: merkle_root(digests) for name, digests in rows.items() if digests}


def text_key(text: str) -> str:
    """The key of a text: equal for texts that are the same but for case, width and blanks."""
    return digest(normalise(text))[:KEY_DIGITS]


def text_keys(example: Example, *, whole: bool = False) -> list[str]:
    """The keys of what a row says: every turn, a target that is more than a label, and the fields of which one is made, unless it
    is to be found as a `whole`."""
    turns = [turn.get("content") for turn in example.messages if turn.get("role") in ASKED]
    telling = [example.target] if isinstance(example.target, str) and len(example.target) >= TELLING else []
    texts = [piece for text in (*turns, *telling) if isinstance(text, str) for piece in ([text] if whole else _pieces(text))]
    return list(dict.fromkeys(text_key(piece) for piece in texts if piece.strip()))


def _pieces(text: str) -> Iterator[str]:
    """A text; of a few lines each by itself as well, and what stands behind the name of a field."""
    yield text
    lines = text.split("\n", FEW_LINES)
    if 1 < len(lines) <= FEW_LINES:
        yield from lines
    if len(lines) <= FEW_LINES:
        yield from (line.partition(": ")[2] for line in lines if ": " in line)
