"""A prompt and its completion, each text or messages; beside a prompt of messages the answer may have other names."""

from __future__ import annotations

import re
from typing import Any

from rung.data.inferred import Inference
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
# Where files for learning by rewards keep what is right: {"reward_model": {"ground_truth": ...}}.
REWARD = "reward_model"
FIELDS = ("prompt", "completion", "input_text", "output_text", "history", "system", REWARD)
# What models of several makers end with.
_END = re.compile(r"\s*(<\|(?:endoftext|end_of_text|im_end|eot_id|eom_id|end)\|>|</s>|<eos>|<end_of_turn>)\s*\Z")


def fits(row: Row) -> bool:
    """Whether the row has both: a prompt that is text or messages, and what follows."""
    if "input_text" in row and "output_text" in row:
        return isinstance(row["input_text"], str)
    if "prompt" not in row:
        return False
    prompt = row["prompt"]
    if holds_turns(prompt) or row.get("history") or any(isinstance(row.get(key), bool) for key in PLAIN_MARKS):
        return _answer(row) is not None
    return "completion" in row and (prompt is None or isinstance(prompt, str))


def convert(row: Row) -> Parts:
    """Blanks around a completion are dropped: OpenAI's older files put one before each."""
    key, prompt = _answer(row) or "completion", row["prompt" if "prompt" in row else "input_text"]
    (asked, notes), answer, tools = asked_in(prompt, "the input"), _said(row, key), tools_of(row)
    answer, ended = _ended(answer)
    notes = (*notes, *ended)
    refuse_media(row, asked)
    if holds_turns(answer):
        between, target = split_answer(conversation_of(answer).messages)
        return Parts(messages=[*asked, *between], target=target, tools=tools, inferences=notes)
    asked = with_system([*history_of(row), *asked], row.get("system"))
    return Parts(messages=asked, target=as_target(answer, tools, key), tools=tools, inferences=notes)


def _ended(answer: Any) -> tuple[Any, tuple[Inference, ...]]:
    """An answer without the mark that told some model to stop, and that it had one."""
    found = _END.search(answer) if isinstance(answer, str) else None
    if found is None or not answer[: found.start()].strip():
        return answer, ()
    taken = f"the answers end in {found[1]}, which is left out"
    because = "it tells a model to stop, and is no part of what it says"
    return answer[: found.start()], (Inference(about="end of answers", taken=taken, because=because),)


def _said(row: Row, key: str) -> Any:
    return row[key]["ground_truth"] if key == REWARD else row[key]


def _answer(row: Row) -> str | None:
    """The field that answers: `completion`, or the first of the other names that is filled."""
    if "completion" in row:
        return "completion"
    if isinstance(row.get(REWARD), dict) and row[REWARD].get("ground_truth") not in (None, ""):
        return REWARD
    return next((key for key in (*ANSWER_KEYS, "output_text") if row.get(key) not in (None, "", [])), None)
