"""Makes docs/first-contact.md from the files in trade.py, and says how one writes a line more."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from trade import FILES, Trade, section

MADE = "<!-- Made by docs/generate.py (`make docs`). Do not edit. -->\n"
HEAD = """# First contact

What `rung init` makes of twelve files of the trade, each small and made up: its first lines, the command, what is said of it, and
what the task file then says (instruction, data and quality; the rest, with the comments that explain it, is left out here).

`rung init FILE` never changes FILE. What it inferred it says, with the line that changes it; `--explain` gives the reason for every
inference. What a file cannot tell it asks in a terminal; elsewhere `--input`, `--target`, `--scorer` and `--format` say it, or
`--draft` leaves the lines to be filled in. Where it guessed wrong, change the task file; its keys are in
[task-file.md](task-file.md).
"""
TAIL = """## Large files

Processor seconds and the most memory of the whole command (`python benchmarks/first_contact.py --sizes 999 100k million`, AMD EPYC,
two cores). Of a million rows a random 100,000 take part, and it is said.

| file | `rung init` | memory | reading its task | memory |
|---|---|---|---|---|
| 999 rows of free text | 2.6 s | 260 MB | 1.7 s | 239 MB |
| 100,000 rows, 5 columns, 22 MB | 11.5 s | 427 MB | 5.0 s | 208 MB |
| 1,000,000 rows, 5 columns, 221 MB | 13.9 s | 383 MB | 7.9 s | 208 MB |
"""


def section_of(trade: Trade) -> str:
    """One file's part of the page, made in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return section(trade, Path(folder))


def first_contact_page() -> str:
    """The whole page."""
    return "\n".join([MADE, HEAD, *map(section_of, FILES), TAIL])
