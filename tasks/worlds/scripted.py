"""A model that is a script: it knows every answer of its world, and is right where it finds what the world says that it needs.

World.write copies this file beside a mind.json with the world's rows. What it says depends on the world's seed and the question
alone, so that a climb is the same each time.
"""

import hashlib
import json
from pathlib import Path

MIND = json.loads(Path(__file__).with_name("mind.json").read_text("utf-8"))
ENOUGH_EXAMPLES = 3


def answer(request):
    """Text, and the tokens that it took: four characters each."""
    text = _said(request)
    asked = sum(len(str(turn.get("content") or "")) for turn in request["messages"])
    return {"text": text, "prompt_tokens": asked // 4 + 1, "completion_tokens": len(text) // 4 + 1, "latency_s": 0.0}


def _said(request):
    messages = request["messages"]
    last = max((place for place, turn in enumerate(messages) if turn["role"] == "user"), default=0)
    question, row = _row(messages[last]["content"])
    if row is None:
        return "I do not know."
    results = [str(turn["content"]) for turn in messages[last + 1 :] if turn["role"] == "tool"]
    called = any(tool.get("name") == call["name"] for call in row.get("calls", ()) for tool in request["tools"])
    if called and not results:
        return json.dumps(row["calls"][0])
    if "belief" in row:
        return row["belief"]
    found = _found(request, row, messages[:last], "\n".join([str(messages[last]["content"]), *results]))
    luck = int(hashlib.sha256(f"{MIND['seed']} {found} {question}".encode()).hexdigest()[:8], 16) / 2**32
    right = luck < (MIND["skill"] if found else MIND["luck"])
    said = row["target"] if right or (MIND["needs"] == "form" and not found) else row["wrong"][0]
    if isinstance(said, dict):
        return json.dumps(said) if found else "The answer: " + ", ".join(f"{key} is {value}" for key, value in said.items())
    return str(said)


def _row(content):
    """The question among the lines of the user's turn, and what is known of it."""
    for line in str(content).splitlines():
        if line.strip() in MIND["rows"]:
            return line.strip(), MIND["rows"][line.strip()]
    return None, None


def _found(request, row, before, given):
    """Whether what the world needs is there."""
    system = " ".join(str(turn["content"]) for turn in before if turn["role"] == "system")
    shown = sum(turn["role"] == "assistant" and bool(turn.get("content")) for turn in before)
    constraint = request["constraint"] or {}
    return {
        "nothing": True,
        "form": constraint.get("kind") == "json_schema" or "JSON" in system or shown > 0,
        "examples": shown >= ENOUGH_EXAMPLES or bool(request["adapters"]),
        "document": row.get("evidence", "\0") in given,
        "tool": row.get("evidence", "\0") in given,
        "training": bool(request["adapters"]),
    }[MIND["needs"]]
