"""Nouns to stored JSON and back. What does not fit the noun's fields is an error, not something to guess at."""

from __future__ import annotations

import json
from typing import Any

from rung.types import Answer, Candidate, Row, Run, Score, as_json


def dump(noun: Any) -> str:
    """A noun's JSON text. Keys stay in order: that of a schema's properties is the order in which a model must write them."""
    return json.dumps(as_json(noun), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def candidate(text: str) -> Candidate:
    """The Candidate that `dump` wrote; its id is the same."""
    fields = json.loads(text)
    return Candidate(**fields | {"adapters": tuple(fields["adapters"])})


def answer(text: str) -> Answer:
    """The Answer that `dump` wrote."""
    return _answer(json.loads(text))


def run(text: str) -> Run:
    """The Run that `dump` wrote."""
    fields = json.loads(text)
    return Run(**fields | {"rows": tuple(_row(row) for row in fields["rows"])})


def _row(fields: dict[str, Any]) -> Row:
    scores = {name: Score(**score) for name, score in fields["scores"].items()}
    return Row(example=fields["example"], group=fields["group"], answer=_answer(fields["answer"]), scores=scores)


def _answer(fields: dict[str, Any]) -> Answer:
    return Answer(**fields | {name: tuple(fields.get(name, ())) for name in ("calls", "passages")})
