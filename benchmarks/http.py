"""A base behind HTTP: an evaluation beside a bare asyncio client, and its spend to the cent while everything goes wrong.

    python benchmarks/http.py                   both parts
    python benchmarks/http.py --rows 3000       more rows for the throughput
    python benchmarks/http.py --kills 10        more kills
    python benchmarks/http.py --speed           the first part alone; --spend the second

Throughput: a server in a process of its own answers after 50 ms. Each side asks it 1,000 rows, in turn, three times; the medians
are compared. This side is `engine.answer.answer` as an evaluation uses it: prompts composed, choices constrained, a budget that is
written down before each question and with each answer, every answer kept in SQLite. The other is asyncio streams with keep-alive
and 16 questions in flight, which writes bytes made beforehand and reads the JSON. httpx.AsyncClient is shown as well.

Spend: the server refuses (429), fails (500), drops lines after it has billed, and is slow beyond the client's patience. The client
is killed by SIGKILL at random moments and started again, until every row is answered. Then the figures of both sides.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = str(Path(__file__).resolve().parent)
if __name__ == "http":
    # Python puts this folder first on its path: whoever imports the standard library's `http` from a benchmark must get that.
    place = [part for part in sys.path if str(Path(part or ".").resolve()) == HERE]
    for part in place:
        sys.path.remove(part)
    del sys.modules["http"]
    importlib.import_module("http")
    sys.path[:0] = place
else:
    from http_sides import main

    if __name__ == "__main__":
        main()
