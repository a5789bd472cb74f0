"""A prompt and its completion, each text or messages; beside a prompt of messages the answer may have other names."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.answered import conversation_of
from rung.data.shapes.asked import asked_in, history_of
from rung.data.shapes.conversation import split_answer
from rung.data.shapes.feedback import PLAIN_MARKS
from rung.data.shapes.fields import ANSWER_KEYS
from rung.data.shapes.parts import Parts, as_target, refuse_media, tools_of, with_system
from rung.data.shapes.turns import holds_turns

TITLE = "prompt/completion"
ORDER = 50
EXAMPLE = '{"prompt", "completion"}'
FIELDS = ("prompt", "completion", "history", "system")


def fits(row: Row) -> bool:
    """Whether the row has both: a prompt that is text or messages, and what follows."""
    if "prompt" not in row:
        return False
    prompt = row["prompt"]
    if holds_turns(prompt) or row.get("history") or any(isinstance(row.get(key), bool) for key in PLAIN_MARKS):
        return _answer(row) is not None
    return "completion" in row and (prompt is None or isinstance(prompt, str))


def convert(row: Row) -> Parts:
    """Blanks around a completion are dropped: OpenAI's older files put one before each."""
    key = _answer(row) or "completion"
    (asked, notes), answer, tools = asked_in(row["prompt"], "the input"), row[key], tools_of(row)
    refuse_media(row, asked)
    if holds_turns(answer):
        between, target = split_answer(conversation_of(answer).messages)
        return Parts(messages=[*asked, *between], target=target, tools=tools, inferences=notes)
    asked = with_system([*history_of(row), *asked], row.get("system"))
    return Parts(messages=asked, target=as_target(answer, tools, key), tools=tools, inferences=notes)


def _answer(row: Row) -> str | None:
    """The field that answers: `completion`, or the first of the other names that is filled."""
    if "completion" in row:
        return "completion"
    return next((key for key in ANSWER_KEYS if row.get(key) not in (None, "", [])), None)
