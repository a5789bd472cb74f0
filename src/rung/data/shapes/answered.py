"""A conversation cut into what is asked and what is right, and all that has to be put right on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung.calls import calls_in
from rung.data.calls import as_calls
from rung.data.inferred import Inference
from rung.data.read.rows import Row, RowError
from rung.data.shapes.conversation import as_turns, split_answer
from rung.data.shapes.parts import CallTurn, Parts, as_target, refuse_answered, refuse_media, tools_of, with_system
from rung.data.shapes.turns import Turn, holds_turns

EARLIER = Inference(
    about="target",
    taken="the last answer of each conversation; the answers before it are part of what is asked",
    because="conversations hold several answers",
)
NOT_LEARNT = Inference(
    about="target",
    taken="the last answer that is to be learnt",
    because="the answers after it have the weight 0",
)
JOINED = Inference(
    about="turns",
    taken="turns of one speaker in a row are one turn; what is said twice is said once",
    because="models are asked by turns, and most chat templates refuse anything else",
)
SYSTEM_ANSWERS = Inference(
    about="turns",
    taken="the system's turns are the answers",
    because="no other turn answers the user",
)


@dataclass
class Conversation:
    """The turns of one row, put right step by step; `notes` says what was done."""

    turns: list[Turn]
    notes: list[Inference] = field(default_factory=list)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [turn.message for turn in self.turns]


def conversation_of(value: Any) -> Conversation:
    """The turns of a value, with answers where only the system answers, and none of one speaker in a row. Raises RowError."""
    conversation = Conversation(as_turns(value, unnamed=True))
    _name_answers(conversation)
    _join(conversation)
    _check_results(conversation)
    return conversation


def answered(value: Any, row: Row) -> Parts:
    """A row that is one conversation with its answer in it. Raises RowError."""
    conversation = conversation_of(value)
    refuse_media(row, conversation.messages)
    _drop_unlearnt(conversation)
    went_on = _drop_unanswered(conversation)
    asked, answer = split_answer(with_system(conversation.messages, row.get("system")))
    earlier = any(message["role"] == "assistant" and not message.get("tool_calls") for message in asked)
    notes = [*conversation.notes, *([EARLIER] if earlier else [])]
    return Parts(
        messages=asked,
        target=answer,
        tools=tools_of(row),
        rejected=_rejected(row),
        call=_call_turn(asked, answer),
        went_on=went_on,
        inferences=tuple(notes),
    )


def answered_beside(value: Any, row: Row, answer_key: str) -> Parts:
    """A row whose answer stands in a field of its own beside the conversation. Raises RowError."""
    conversation, tools = conversation_of(value), tools_of(row)
    refuse_media(row, conversation.messages)
    refuse_answered(conversation.messages)
    asked = with_system(conversation.messages, row.get("system"))
    target = as_target(row[answer_key], tools, answer_key)
    return Parts(messages=asked, target=target, tools=tools, inferences=tuple(conversation.notes))


def _rejected(row: Row) -> Any:
    """The worse answer that stands beside a whole conversation, where there is one: text, or the conversation as it ended."""
    given = next((row[key] for key in ("rejected_response", "rejected", "rejected_messages") if row.get(key)), None)
    if given is None or not holds_turns(given):
        return given if isinstance(given, str) else None
    return split_answer(conversation_of(given).messages)[1]


def _name_answers(conversation: Conversation) -> None:
    """In the corpora of dialogue systems the system is who answers."""
    roles = [turn.message["role"] for turn in conversation.turns]
    if "assistant" in roles or "system" not in roles[1:]:
        return
    answers = [at for at, role in enumerate(roles) if role == "system" and at and roles[at - 1] == "user"]
    if answers and roles[-1] == "system" and "system" not in roles[: answers[0]]:
        for at in answers:
            conversation.turns[at] = Turn(message={**conversation.turns[at].message, "role": "assistant"})
        conversation.notes.append(SYSTEM_ANSWERS)


def _join(conversation: Conversation) -> None:
    """Makes one turn of each run of turns of the user, or of the assistant; behind calls only more of them belong to it."""
    joined: list[Turn] = []
    for turn in conversation.turns:
        together = _together(joined[-1], turn) if joined else None
        joined = [*joined, turn] if together is None else [*joined[:-1], together]
    if len(joined) < len(conversation.turns):
        conversation.turns = joined
        conversation.notes.append(JOINED)


def _together(before: Turn, turn: Turn) -> Turn | None:
    """Two turns as one, None where they are not one speaker's, or not to be learnt alike."""
    first, second = before.message, turn.message
    speakers = {(message["role"], message.get("name")) for message in (first, second)}
    if len(speakers) > 1 or first["role"] not in ("user", "assistant") or before.learnt != turn.learnt:
        return None
    if first.get("tool_calls"):
        calls = [*first["tool_calls"], *second.get("tool_calls", [])]
        return None if second["content"] else Turn(message={**first, "tool_calls": calls}, learnt=turn.learnt)
    said = [first["content"], *([second["content"]] if second["content"] != first["content"] else [])]
    return Turn(message={**first, **second, "content": "\n\n".join(filter(None, said))}, learnt=turn.learnt)


def _check_results(conversation: Conversation) -> None:
    """Makes calls of the texts that tools answered to. Raises RowError for a tool's answer that nobody asked for."""
    for at, turn in enumerate(conversation.turns):
        if turn.message["role"] != "tool":
            continue
        asking = next((before for before in reversed(conversation.turns[:at]) if before.message["role"] != "tool"), None)
        if asking is None or asking.message["role"] != "assistant":
            raise RowError(f"message {at + 1} is a tool's answer, and no call stands before it")
        if asking.message.get("tool_calls"):
            continue
        calls = [call for call in calls_in(asking.message["content"]) if not call.fault]
        if calls:
            made = [{"type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}} for call in calls]
            place = conversation.turns.index(asking)
            conversation.turns[place] = Turn(message={"role": "assistant", "content": "", "tool_calls": made}, learnt=asking.learnt)


def _drop_unlearnt(conversation: Conversation) -> None:
    turns = conversation.turns
    if turns[-1].message["role"] != "assistant" or turns[-1].learnt:
        return
    last = next((at for at in range(len(turns) - 1, -1, -1) if turns[at].message["role"] == "assistant" and turns[at].learnt), None)
    if last is None:
        raise RowError("every answer has the weight 0, so that none is to be learnt")
    conversation.turns = turns[: last + 1]
    conversation.notes.append(NOT_LEARNT)


def _drop_unanswered(conversation: Conversation) -> int:
    """Leaves out the user's last turns where an answer stands before them. Returns how many those are."""
    roles = [turn.message["role"] for turn in conversation.turns]
    behind = len(roles) - 1 - next((at for at in range(len(roles) - 1, -1, -1) if roles[at] != "user"), -1)
    if not behind or behind == len(roles) or roles[-behind - 1] != "assistant":
        return 0
    conversation.turns = conversation.turns[:-behind]
    return behind


def _call_turn(asked: Sequence[Mapping[str, Any]], answer: Any) -> CallTurn | None:
    """The last turn that calls since the user last spoke, where the answer is what was said with its results at hand."""
    if not isinstance(answer, str):
        return None
    for at in range(len(asked) - 1, -1, -1):
        if asked[at]["role"] == "user":
            return None
        if asked[at].get("tool_calls"):
            return CallTurn(asked=tuple(dict(message) for message in asked[:at]), calls=tuple(as_calls(asked[at]["tool_calls"])))
    return None
