"""Nouns to stored JSON and back. What does not fit the noun's fields is an error, not something to guess at."""

from __future__ import annotations

import json
from typing import Any

from rung.json_form import as_json, from_json
from rung.types import Answer, Candidate, Run


def dump(noun: Any) -> str:
    """A noun's JSON text. Keys stay in order: that of a schema's properties is the order in which a model must write them."""
    return json.dumps(as_json(noun), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def candidate(text: str) -> Candidate:
    """The Candidate that `dump` wrote; its id is the same."""
    return from_json(Candidate, json.loads(text))


def answer(text: str) -> Answer:
    """The Answer that `dump` wrote."""
    return from_json(Answer, json.loads(text))


def run(text: str) -> Run:
    """The Run that `dump` wrote."""
    return from_json(Run, json.loads(text))
