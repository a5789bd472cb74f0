"""Texts that clients chose as the journal keeps them, and digests of what it does not keep."""

from __future__ import annotations

import hashlib

from rung.escapes import visible
from rung.json_form import as_json, canonical_json
from rung.serve.types import Asked
from rung.types import Answer

# Of a text that a client chose: a model's name, a session's. Nothing of ours is longer.
LONGEST = 200


def plain(text: str, longest: int = LONGEST) -> str:
    """A text that a client chose as it may stand in the journal and on a screen: one line, and cut where it is long."""
    told = visible(text[: longest + 1]).replace("\n", " ").replace("\t", " ")
    return told if len(told) <= longest else told[: longest - 3] + "..."


def question_digest(asked: Asked) -> str:
    """SHA-256 over the canonical JSON of its messages."""
    return hashlib.sha256(canonical_json(as_json(asked.messages)).encode("utf-8", "surrogatepass")).hexdigest()


def answer_digest(answer: Answer) -> str:
    """SHA-256 over its text."""
    return hashlib.sha256(answer.text.encode("utf-8", "surrogatepass")).hexdigest()
