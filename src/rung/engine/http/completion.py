"""What an OpenAI-compatible server sent back, read: the answer in it, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rung.choices import choices
from rung.engine.backend import Request
from rung.engine.chat import calls_text, text_of
from rung.engine.http.alternatives import choice_logprobs
from rung.engine.http.body import is_object
from rung.errors import UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.reply import read_reply
from rung.types import CUT_OFF, FAILED, WITHHELD, Answer

# What servers call the same thing: those of OpenAI, Google, Anthropic, DeepSeek, vLLM, OpenRouter behind one interface.
_REASONS = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), CUT_OFF),
    **dict.fromkeys(("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive"), WITHHELD),
    **dict.fromkeys(("error", "abort", "cancelled", "insufficient_system_resource"), FAILED),
}


def has_message(reply: Mapping[str, Any] | None) -> bool:
    """Whether a server's reply is a chat completion with something in it."""
    every = (reply or {}).get("choices")
    return (
        isinstance(every, list) and bool(every) and isinstance(every[0], Mapping) and isinstance(every[0].get("message"), Mapping)
    )


def read_completion(reply: Mapping[str, Any], request: Request, seconds: float) -> Answer:
    """The Answer in a chat completion, with its tokens. What was only thought stands in `<think>`, as a model would write it."""
    choice = reply["choices"][0]
    reason = str(choice.get("finish_reason") or "stop")
    reason = _REASONS.get(reason.casefold(), reason)
    text, fault = _said(choice["message"], reason)
    if isinstance(request.constraint, SchemaConstraint) and not is_object(request.constraint.schema):
        text = _unwrapped(text)
    constraint = request.constraint
    if isinstance(constraint, ChoiceConstraint):
        text = _as_choice(text, constraint.choices)
        logprobs = choice_logprobs(choice, text, constraint.choices)
    else:
        logprobs = None
    usage = reply.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return Answer(
        text=text,
        latency_s=seconds,
        prompt_tokens=usage.get("prompt_tokens"),
        cached_tokens=details.get("cached_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        finish_reason=reason,
        logprobs=logprobs,
        fault=fault,
    )


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


def _said(message: Mapping[str, Any], reason: str) -> tuple[str, str]:
    """(what was said, why that is no answer). A refusal in words is an answer: a wrong one."""
    content = message.get("content")
    try:
        # Some servers still answer as OpenAI did before a message could hold several calls.
        calls = message.get("tool_calls") or ([{"function": message["function_call"]}] if message.get("function_call") else None)
        text = calls_text(calls) if calls else text_of(content)
    except (UserError, KeyError, TypeError) as error:
        return "", f"the server sent what is no text ({type(error).__name__})"
    if text or content == "":
        return text or _thought(message), ""
    if isinstance(message.get("refusal"), str):
        return message["refusal"], ""
    text = _thought(message)
    if reason != "stop":
        return text, ""
    return text, "the server sent a thought and no answer" if text else "the server sent no text"


def _thought(message: Mapping[str, Any]) -> str:
    """What a server keeps apart as thought, in the marks of a thought."""
    thought = message.get("reasoning_content") or message.get("reasoning")
    return f"<think>{thought}</think>" if isinstance(thought, str) else ""


def _as_choice(text: str, every: Sequence[str]) -> str:
    """The one choice that a reply means, else the reply as it is: a wrong answer must stay visible."""
    named = choices(tuple(every)).named(read_reply(text).text)
    return named[0] if len(named) == 1 else text
