"""Forms of table that Rung does not read, told by their first lines and called by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from rung.errors import UserError

SAVE = "Save the rows as CSV, TSV or JSONL."
LINES = 40


def refuse_strangers(lines: Sequence[str], shown: str) -> None:
    """Raises UserError for markup, for formats of other programs, and for tables drawn in text."""
    head = [line.rstrip("\r\n").lstrip("\ufeff") for line in lines[:LINES] if line.strip()]
    for name, hint, fits in STRANGERS:
        if head and fits(head):
            raise UserError(f"the file is {name}, which is not read as rows", where=shown, hint=hint)


def _begins(*starts: str) -> Callable[[Sequence[str]], bool]:
    return lambda head: head[0].lstrip().casefold().startswith(starts)


def _is_markdown(head: Sequence[str]) -> bool:
    rule = re.compile(r"\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)+\|?\s*")
    return any(rule.fullmatch(line.strip()) and "|" in before for before, line in pairwise(head))


def _is_drawn(head: Sequence[str]) -> bool:
    return any(re.fullmatch(r"[+|]?[-=+|─┼├┤╞╪═]{5,}", line.strip()) and re.search(r"[+┼╪|]", line) for line in head[:4])


def _is_libsvm(head: Sequence[str]) -> bool:
    return len(head) > 2 and all(re.fullmatch(r"[-+]?\d+(\.\d+)?( \d+:[-+.\deE]+)+", line.strip()) for line in head)


def _is_yaml(head: Sequence[str]) -> bool:
    keys = [line for line in head if re.match(r"(- |  )[A-Za-z_]\w*:( |$)", line)]
    return head[0].strip() == "---" or (head[0].startswith("- ") and len(keys) >= 0.8 * len(head))


def _is_fixed(head: Sequence[str]) -> bool:
    """Columns that begin at the same places in every line, blanks between them and no delimiter."""
    if len(head) < 5 or any("\t" in line for line in head):
        return False
    starts = [{match.end() for match in re.finditer(r"\S\s{2,}(?=\S)", line)} for line in head]
    return bool(set.intersection(*starts))


STRANGERS: tuple[tuple[str, str, Callable[[Sequence[str]], bool]], ...] = (
    ("HTML", "Open it in a browser or a spreadsheet, and save its table as CSV.", _begins("<!doctype html", "<html", "<table")),
    ("XML", "Write its records out as CSV or JSONL, a field for each part.", _begins("<?xml", "<root", "<data>", "<rows")),
    ("RTF", SAVE, _begins("{\\rtf")),
    ("ARFF (Weka)", "Take the lines up to @data away, and name the attributes in a first line of CSV.", _begins("@relation")),
    ("a table of numbers as LIBSVM has it (label index:value)", "Rung reads texts: give the texts themselves.", _is_libsvm),
    ("a Markdown table", "Save it as CSV: without the line of dashes, and | as the delimiter at most.", _is_markdown),
    ("a table drawn with lines", SAVE, _is_drawn),
    ("YAML", "Write each entry as a line of JSONL.", _is_yaml),
    ("a table of fixed width, its columns parted by blanks", SAVE, _is_fixed),
)
