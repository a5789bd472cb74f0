"""Corrections that clients gave, as labelled rows for a task: the question as it was asked, and what should have been said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rung.registry.home import Home

AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Corrections:
    """Rows of `messages` and `target`, by the order in which the answers were corrected; of an answer the last correction.

    wordless  how many corrections are of questions whose words were not kept, or are gone by now
    """

    rows: tuple[dict[str, Any], ...]
    wordless: int


def corrections_of(home: Home, name: str) -> Corrections:
    """The corrections of a name's answers (`tone`: all its versions, `tone@3`)."""
    last: dict[str, str] = {}
    for answer, correction in _corrections(home, name):
        last.pop(answer, None)
        last[answer] = correction
    rows, wordless = [], 0
    for answer, correction in last.items():
        messages = _question(home, answer)
        if messages is None:
            wordless += 1
        else:
            rows.append({"id": answer, "messages": messages, "target": correction})
    return Corrections(rows=tuple(rows), wordless=wordless)


def as_lines(found: Corrections) -> str:
    """The rows as JSONL."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found.rows)


def _corrections(home: Home, name: str) -> Iterator[tuple[str, str]]:
    cursor = 0
    while heard := home.feedback.after(cursor, ref=name, limit=AT_ONCE):
        for one in heard:
            if one.word.correction is not None:
                yield one.word.answer, one.word.correction
        cursor = heard[-1].cursor


def _question(home: Home, answer: str) -> list[Any] | None:
    words = home.served.texts(answer).get("question")
    try:
        messages = json.loads(words) if words is not None else None
    except ValueError:
        return None
    return messages if isinstance(messages, list) else None
