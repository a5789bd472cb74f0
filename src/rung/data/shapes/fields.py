"""What a row's fields are taken to be by more than one shape: a question, a conversation, an answer beside it, an aside."""

from __future__ import annotations

from typing import Any

from rung.data.read.rows import Row
from rung.data.shapes.parts import MEDIA_KEYS
from rung.data.shapes.turns import ROLE_KEYS, holds_texts, holds_turns, listed, role_of

QUESTION_KEYS = ("prompt", "question", "instruction", "query", "input", "context", "post")
CONVERSATION_KEYS = ("messages", "conversations", "conversation", "dialogue", "dialog")
ANSWER_KEYS = (
    *("target", "completion", "response", "answer", "output", "reply", "ideal", "expected", "expected_output", "ground_truth"),
    *("solution", "reference"),
)
# Fields that say something of a row, and are neither asked nor answered.
_ASIDE = (
    "id idx index uid uuid row row_id conversation_id conv_id session_id prompt_id message_id hash source dataset origin group "
    "split lang language locale model model_name date time timestamp created created_at updated_at tokens num_tokens token_count "
    "length num_turns n_turns turn url metadata meta extra extra_info annotation system system_prompt tools tool_choice functions "
    "function function_call parallel_tool_calls temperature max_tokens custom_id weight redacted toxic openai_moderation"
)
ASIDE = frozenset(_ASIDE.split())


def asides(row: Row) -> set[str]:
    """The fields of a row that are neither asked nor answered, by their names."""
    return {name for name in row if name.casefold() in ASIDE or name in MEDIA_KEYS}


def is_conversation(row: Row, key: str) -> bool:
    """Whether `key` holds a conversation, or is empty. A conversation that ends with the user's words and has something short
    beside it that is called like no answer is a text to be classified, and texts by turns are one only where they stand alone."""
    if key not in row:
        return False
    value = row[key]
    if value is None or value in ("", []):
        return True
    if holds_turns(value):
        return not _is_classified(row, key, value)
    return holds_texts(value) and not _others(row, key)


def answer_beside(row: Row, key: str) -> str | None:
    """The field that answers the conversation under `key`, where that ends with the user's words and such a field is filled."""
    if not _ends_asking(row[key]):
        return None
    return next((name for name in ANSWER_KEYS if name != key and row.get(name) not in (None, "", [])), None)


def _others(row: Row, key: str) -> set[str]:
    """Fields that are filled and may be asked or answered, beside the conversation and the answer to it."""
    return {name for name, value in row.items() if value not in (None, "", [])} - {key, *ANSWER_KEYS} - asides(row)


def _is_classified(row: Row, key: str, value: Any) -> bool:
    if answer_beside(row, key) or not _ends_asking(value):
        return False
    return any(isinstance(row[name], (str, bool, int)) for name in _others(row, key))


def _ends_asking(value: Any) -> bool:
    entries = listed(value) or []
    while entries and isinstance(entries[0], list) and len(entries) == 1:
        entries = entries[0]
    if not entries:
        return False
    if holds_texts(entries):
        return isinstance(entries[0], str) and len(entries) % 2 == 1
    last = entries[-1]
    named = next((last[name] for name in ROLE_KEYS if name in last), None) if isinstance(last, dict) else None
    return isinstance(named, str) and role_of(named) in ("user", "tool")
