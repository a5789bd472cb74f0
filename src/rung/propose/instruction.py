"""What a model is told to do, worded from what the answers are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rung.propose.lists import lists_in
from rung.propose.scorer import Kind
from rung.types import Example

MOST_NAMED = 20


def instruction_for(kind: Kind, classes: Mapping[str, int], examples: Sequence[Example], column: str) -> str:
    """What to tell a model. A column's name often says what is asked: the tone, the number_of_items."""
    if kind != "tool calls" and all(example.messages[0]["role"] in ("system", "developer") for example in examples):
        return "Follow the instructions of the conversation."
    names = ", ".join(sorted(classes)) if len(classes) <= MOST_NAMED else ""
    fields = ", ".join(dict.fromkeys(name for e in examples if isinstance(e.target, dict) for name in e.target))
    asked = " ".join(re.findall(r"[^\W_]+", column))
    one_of = f", one of these: {names}" if names else ""
    found = lists_in([example.target for example in examples], column) if kind == "several labels" else None
    labels = f", out of these: {', '.join(found.labels)}" if found and len(found.labels) <= MOST_NAMED else ""
    instructions: dict[Kind, str] = {
        "several labels": f"Answer with all {asked or 'labels'} that apply{labels}, as a JSON list. Say nothing else.",
        "alternatives": "Answer in a few words. Say nothing else.",
        "references": "Answer the message.",
        "required items": f"Name all {asked or 'items'} that are asked for.",
        "closed set": f"Answer with the {asked or 'right category'}{one_of}. Say nothing else.",
        "number": f"Answer with the {asked or 'number'}, as a number. Say nothing else.",
        "identifier": f"Answer with the {asked or 'number'}, exactly as it is written. Say nothing else.",
        "JSON object": f"Reply with a JSON object with the fields {fields}.",
        "tool calls": "Reply with the function call as JSON.",
        "short text": "Answer in a few words. Say nothing else.",
        "text": "Answer the message.",
        "code": "Write the Python code that is asked for. Say nothing else.",
    }
    return instructions[kind]
