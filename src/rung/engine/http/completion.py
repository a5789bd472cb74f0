"""What an OpenAI-compatible server sent back, read: the answer in it, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.choices import choices
from rung.engine.backend import Request
from rung.engine.http.alternatives import choice_logprobs
from rung.engine.http.body import is_object
from rung.engine.http.error_text import read_error
from rung.engine.http.message import NoText, said_in, thinks
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.reply import read_reply
from rung.types import CUT_OFF, FAILED, SILENT, WITHHELD, Answer

# What servers call the same thing: those of OpenAI, Google, Anthropic, DeepSeek, vLLM, OpenRouter behind one interface.
_REASONS = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"), CUT_OFF),
    **dict.fromkeys(("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive"), WITHHELD),
    **dict.fromkeys(("guardrail_intervened", "image_safety", "language"), WITHHELD),
    **dict.fromkeys(("error", "abort", "cancelled", "insufficient_system_resource"), FAILED),
}
_NONE = (CUT_OFF, WITHHELD, FAILED)
NOTHING = "the server sent no text"


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A chat completion, read: its Answer, and whether the model thinks before it answers."""

    answer: Answer
    thinks: bool = False


def has_message(reply: Mapping[str, Any] | None) -> bool:
    """Whether a server's reply is a chat completion with something in it."""
    return any(_has_message(choice) for choice in _choices(reply or {}))


def read_completion(reply: Mapping[str, Any], request: Request, seconds: float) -> Completion:
    """The Answer in a chat completion that `has_message`, with its tokens.

    What was only thought stands in `<think>`, as a model would write it. Nothing said, or nothing but a thought, is no answer, with
    a `fault` unless the limit ended it.
    """
    choice = _choice(reply)
    reason = str(choice.get("finish_reason") or "stop")
    reason = _REASONS.get(reason.partition(":")[0].strip().casefold(), reason)
    text, fault, thinks = _said(choice, reason, reply)
    if isinstance(request.constraint, SchemaConstraint) and not is_object(request.constraint.schema):
        text = _unwrapped(text)
    logprobs = None
    if isinstance(request.constraint, ChoiceConstraint):
        text = _as_choice(text, request.constraint.choices)
        logprobs = choice_logprobs(choice, text, request.constraint.choices)
    if fault == NOTHING:
        reason = SILENT
    # Some say what is wrong beside an empty answer, and with a status of success.
    wrong = choice.get("error") or reply.get("error")
    if wrong and not text:
        reason, fault = FAILED, read_error(json.dumps({"error": wrong})).words
    usage = _object(reply.get("usage"))
    answer = Answer(
        text=text,
        latency_s=seconds,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        finish_reason=reason,
        logprobs=logprobs,
        fault=fault,
    )
    return Completion(answer=answer, thinks=thinks)


def _choices(reply: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    every = reply.get("choices")
    return [choice for choice in every if isinstance(choice, Mapping)] if isinstance(every, list) else []


def _has_message(choice: Mapping[str, Any]) -> bool:
    """An answer that a filter withheld comes without a message, and that of an older interface as a text."""
    return isinstance(choice.get("message"), Mapping) or isinstance(choice.get("text"), str) or bool(choice.get("finish_reason"))


def _choice(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first choice that holds a message. Some servers put the calls that it announces into another one."""
    every = [choice for choice in _choices(reply) if _has_message(choice)]
    first = every[0]
    if first.get("finish_reason") == "tool_calls" and not _object(first.get("message")).get("tool_calls"):
        return next((choice for choice in every if _object(choice.get("message")).get("tool_calls")), first)
    return first


def _said(choice: Mapping[str, Any], reason: str, reply: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(what was said, why that is no answer, whether the model thinks). A refusal in words is an answer: a wrong one."""
    message = _object(choice.get("message")) or {"content": choice.get("text")}
    try:
        said = said_in(message)
    except NoText as problem:
        return "", f"the server sent what is no text: {problem}", False
    has_thought = thinks(reply, said)
    if read_reply(said.text).text.strip():
        return said.text, "", has_thought
    if said.refusal:
        return said.refusal, "", has_thought
    text = said.text if said.text.strip() else (f"<think>{said.thought}</think>" if said.thought else "")
    if reason in _NONE:
        return text, "", has_thought
    return text, "the server sent a thought and no answer" if text else NOTHING, has_thought


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int | None:
    """A number of tokens; None where the server sends something else, or less than none."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _unwrapped(text: str) -> str:
    """What stands under `answer`, where a reply is an object of nothing else; compact, as a constrained answer is."""
    wrapped = json_object(text)
    if wrapped is None or set(wrapped) != {"answer"}:
        return text
    return json.dumps(wrapped["answer"], ensure_ascii=False, separators=(",", ":"))


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is; None where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _as_choice(text: str, every: Sequence[str]) -> str:
    """The one choice that a reply means, else the reply as it is: a wrong answer must stay visible."""
    named = choices(tuple(every)).named(read_reply(text).text)
    return named[0] if len(named) == 1 else text
