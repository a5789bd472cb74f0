"""Conversations under other names: `conversation`, `dialogue`, `turns`, `chat`; of named speakers, exchanges, or texts by turns."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.answered import answered, answered_beside
from rung.data.shapes.fields import QUESTION_KEYS, answer_beside, is_conversation
from rung.data.shapes.parts import Parts
from rung.data.shapes.turns import holds_texts, names_speakers

TITLE = "dialogue"
ORDER = 45
EXAMPLE = '{"conversation": [{"speaker", "text"}]}'
KEYS = ("conversation", "dialogue", "dialog", "turns", "chat", "exchanges", "utterances", "thread", "history", "data")
FIELDS = (*KEYS, "system")
VAGUE = ("history", "data")


def fits(row: Row) -> bool:
    """Whether the row holds a conversation under one of these names."""
    return _key(row) is not None


def convert(row: Row) -> Parts:
    """The conversation up to its answer, and the answer."""
    key = _key(row) or ""
    beside = answer_beside(row, key)
    return answered_beside(row[key], row, beside) if beside else answered(row[key], row)


def _key(row: Row) -> str | None:
    return next((key for key in KEYS if row.get(key) not in (None, "", []) and _is_one(row, key)), None)


def _is_one(row: Row, key: str) -> bool:
    """Whether `key` is the row's conversation: nothing beside it asks, and under a name that may be anything's, turns are named."""
    if any(isinstance(row.get(name), str) and row[name].strip() for name in QUESTION_KEYS):
        return False
    return is_conversation(row, key) and (key not in VAGUE or holds_texts(row[key]) or names_speakers(row[key]))
