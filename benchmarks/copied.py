"""Questions whose answers copy from them: sender and subject out of the heads of mails as JSON, and calls of functions.

The files are those of `first_contact.py`; a few rows stand before the questions as demonstrations, and answers are held to the
form that they have there.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from first_contact import FILES

from rung.data.calls import as_schema
from rung.engine.answer import resolve_constraint
from rung.engine.chat import tools_text
from rung.parts import CallConstraint, SchemaConstraint

DEMONSTRATIONS = 4
EXTRACT = "Read the head of the mail. Give the sender's address and the subject, as JSON."
CALL = "Call the function that answers the question, as JSON: its name and its arguments."
FOUND = {
    "type": "object",
    "properties": {"sender": {"type": "string"}, "subject": {"type": "string"}},
    "required": ["sender", "subject"],
    "additionalProperties": False,
}
# A question as the worker of `evaluate.py --against` reads it.
Question = dict[str, Any]


def copied(name: str, fetch: Callable[[str], Path], rows: int, tokens: int) -> list[Question]:
    """So many questions of `extraction` or `calls`, each answered with at most so many tokens."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        FILES[name](file, fetch)
        found = [_row(json.loads(line)) for line in file.read_text("utf-8").splitlines()]
    made = (_extraction if name == "extraction" else _calls)(found[:DEMONSTRATIONS], found[DEMONSTRATIONS : DEMONSTRATIONS + rows])
    return [{**one, "max_tokens": tokens} for one in made]


def _row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the arguments of its tools as JSON schema names types."""
    if "tools" not in row:
        return row
    return {**row, "tools": [{**tool, "parameters": as_schema(tool["parameters"])} for tool in row["tools"]]}


def _extraction(shown: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> list[Question]:
    turns = [_turn("system", EXTRACT)]
    for row in shown:
        said = json.dumps(json.loads(row["completion"]), separators=(",", ":"), ensure_ascii=False)
        turns += [_turn("user", row["prompt"]), _turn("assistant", said)]
    return [{"messages": [*turns, _turn("user", row["prompt"])], "schema": FOUND} for row in asked]


def _calls(shown: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> list[Question]:
    turns = [_turn("system", CALL)]
    for row in shown:
        ((name, arguments),) = row["target"][0].items()
        said = {"name": name, "arguments": {key: allowed[0] for key, allowed in arguments.items() if allowed[0] != ""}}
        turns += [_turn("user", _asked(row)), _turn("assistant", json.dumps(said, separators=(",", ":")))]
    questions = []
    for row in asked:
        held = resolve_constraint(CallConstraint(), row["tools"])
        assert isinstance(held, SchemaConstraint)
        questions.append({"messages": [*turns, _turn("user", _asked(row))], "schema": held.schema})
    return questions


def _asked(row: Mapping[str, Any]) -> str:
    return f"{tools_text(row['tools'])}\n\n{row['messages'][-1]['content']}"


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
