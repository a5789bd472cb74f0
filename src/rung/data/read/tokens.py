"""Files of tokens and tags, a token a line and a blank line after each sentence, to rows: the sentence and its entities by type.

The tags are IOB's (B-PER, I-PER, O), or one of its kin (IOE, BIOES, BILOU, tags of one token: S-, U-); the last column holds them,
the first the token (Ramshaw and Marcus 1995; Tjong Kim Sang and De Meulder 2003).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rung.data.inferred import Inference
from rung.data.read import files
from rung.data.read.rows import RawRow, Row, RowError, Table

FORMAT = "iob"
TAG = re.compile(r"O|[BIESLU]-\S+")
COLUMNS = range(2, 7)
LINES_SEEN = 2000
FEWEST_SENTENCES = 2
LEAST_TAGGED = 0.95
TEXT, ENTITIES = "text", "entities"


def token_table(path: Path, shown: str, encoding: str | None) -> Table:
    """A row a sentence: `text`, its tokens with a blank between, and `entities`, type -> what is of it, every type in each row."""
    types = sorted({kind for line in files.lines(path, shown, encoding) if (kind := _kind(_cells(line)))})
    rows = _sentences(enumerate(files.lines(path, shown, encoding), start=1))
    return Table(shown=shown, format=FORMAT, rows=rows, parse=lambda sentence: _row(sentence, types))


def recognised(lines: Iterable[str]) -> Inference | None:
    """That lines are such a file, where they are: nearly all of two to six columns, the last of them a tag, and not always O."""
    tagged, filled, entities, sentences, open_ = 0, 0, 0, 0, False
    for line, _ in zip(lines, range(LINES_SEEN), strict=False):
        cells = _cells(line)
        if not cells:
            sentences, open_ = sentences + open_, False
            continue
        if cells[0] == "-DOCSTART-" or line.startswith("# "):
            continue
        open_ = True
        filled += 1
        is_tag = len(cells) in COLUMNS and TAG.fullmatch(cells[-1]) is not None
        tagged += is_tag
        entities += is_tag and cells[-1] != "O"
    if not entities or tagged < LEAST_TAGGED * filled or sentences + open_ < FEWEST_SENTENCES:
        return None
    return Inference(
        about="format",
        taken="a token and its tag a line, a blank line between sentences: a row is a sentence with its entities",
        because="the last column holds IOB tags such as B-X, I-X and O",
        change="data.format: csv, or text",
    )


def _cells(line: str) -> list[str]:
    cells = line.rstrip().split("\t") if "\t" in line.strip() else line.split()
    turned = len(cells) == 2 and TAG.fullmatch(cells[0]) and not TAG.fullmatch(cells[1])
    return cells[::-1] if turned else cells  # the tag stands in front


def _kind(cells: Sequence[str]) -> str:
    """The type of the entity that a line's tag speaks of."""
    return cells[-1].partition("-")[2] if len(cells) in COLUMNS and TAG.fullmatch(cells[-1]) else ""


def _sentences(lines: Iterable[tuple[int, str]]) -> Iterator[RawRow]:
    first, sentence = 0, list[list[str]]()
    for number, line in lines:
        cells = [cell.strip() for cell in _cells(line)]
        if not any(cells):
            if sentence:
                yield RawRow(first, sentence)
            sentence = []
        elif cells[0] != "-DOCSTART-" and not (line.startswith("# ") and not sentence):
            first = first if sentence else number
            sentence.append(cells)
    if sentence:
        yield RawRow(first, sentence)


def _row(sentence: Sequence[Sequence[str]], types: Sequence[str]) -> Row:
    found: dict[str, list[str]] = {kind: [] for kind in types}
    before = "O"
    for at, cells in enumerate(sentence):
        if len(cells) not in COLUMNS or not TAG.fullmatch(cells[-1]):
            raise RowError(f"line {at + 1} of the sentence has no tag such as B-X, I-X or O: {' '.join(cells)[:60]}")
        tag, kind = cells[-1], _kind(cells)
        if kind and _begins(tag, before):
            found[kind].append(cells[0])
        elif kind:
            found[kind][-1] += f" {cells[0]}"
        before = tag
    row: dict[str, Any] = {TEXT: " ".join(cells[0] for cells in sentence), ENTITIES: found}
    return row


def _begins(tag: str, before: str) -> bool:
    """Whether an entity begins here: told so, or not going on what stands before."""
    goes_on = before != "O" and before[1:] == tag[1:] and before[0] not in "ELSU"
    return tag[0] in "BSU" or not goes_on
