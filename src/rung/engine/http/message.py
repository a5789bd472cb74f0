"""What a server's message says: its text, what of it is thought, and its calls, in every form that servers give them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.engine.chat import calls_text
from rung.reply import THOUGHT_PARTS, read_reply

# Under what servers keep what was thought apart: DeepSeek, vLLM, SGLang; OpenRouter, Groq, Ollama; LiteLLM.
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thinking_blocks", "reasoning_details")
_THOUGHT_TYPES = (*THOUGHT_PARTS, "reasoning_text", "reasoning_content", "summary_text")
_TEXT_FIELDS = ("text", "content", "output_text", "value")
_CALL_PARTS = ("tool_use", "tool_call", "function_call", "custom_tool_call")


class NoText(Exception):
    """What stands in a message is neither text nor a call; says what it is."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message, read.

    text     what was said: its text, or its calls as `CALL_FORMAT` has them; empty where it says nothing
    thought  what was thought before
    refusal  why the model would not answer, in its words
    """

    text: str
    thought: str = ""
    refusal: str = ""


def said_in(message: Mapping[str, Any]) -> Said:
    """Raises NoText where it holds what is no text."""
    calls, parts = _calls(message), _parts(message.get("content"))
    calls += [part for part in parts if isinstance(part, Mapping) and part.get("type") in _CALL_PARTS]
    thoughts = [_text(message.get(name)) for name in _THOUGHT_FIELDS] + [_text(part) for part in parts if _is_thought(part)]
    refusals = [message.get("refusal")] + [part.get("refusal") for part in parts if isinstance(part, Mapping)]
    return Said(
        text=calls_text([_call(call) for call in calls]) if calls else _said(parts),
        thought=next(filter(None, thoughts), ""),
        refusal=next((words for words in refusals if isinstance(words, str) and words), ""),
    )


def thinks(reply: Mapping[str, Any], said: Said) -> bool:
    """Whether the model thinks before it answers, as far as this reply shows."""
    usage = reply.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    details = usage.get("completion_tokens_details")
    counted = [usage.get("reasoning_tokens"), details.get("reasoning_tokens") if isinstance(details, Mapping) else None]
    return bool(said.thought or read_reply(said.text).thought or any(isinstance(n, int) and n > 0 for n in counted))


def _parts(content: Any) -> list[Any]:
    """A message's content as parts; an answer that the server has already parsed is text again."""
    if content is None:
        return []
    if isinstance(content, list):
        return content
    if isinstance(content, Mapping) and not any(isinstance(content.get(name), str) for name in _TEXT_FIELDS):
        return [json.dumps(content, ensure_ascii=False)]
    return [content if isinstance(content, str | Mapping) else json.dumps(content)]


def _said(parts: Sequence[Any]) -> str:
    told = [part for part in parts if not _is_thought(part) and not (isinstance(part, Mapping) and part.get("refusal"))]
    texts = [_text(part) for part in told]
    for part, text in zip(told, texts, strict=True):
        if text is None:
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise NoText(f"a part of type '{kind}'")
    return "".join(text for text in texts if text)


def _is_thought(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") in _THOUGHT_TYPES


def _text(part: Any) -> str | None:
    """The text in a part, however deep; None where it has none."""
    if part is None or isinstance(part, str):
        return part or ""
    if isinstance(part, list):
        return "".join(filter(None, map(_text, part)))
    if not isinstance(part, Mapping):
        return None
    inner = next((part[name] for name in (*_TEXT_FIELDS, "thinking", "reasoning", "summary") if part.get(name) is not None), None)
    return None if inner is None else _text(inner)


def _calls(message: Mapping[str, Any]) -> list[Any]:
    """A message's calls. Some servers still answer as OpenAI did before a message could hold several."""
    calls = message.get("tool_calls") or message.get("function_call") or []
    return [call for call in (calls if isinstance(calls, list) else [calls]) if call is not None]


def _call(call: Any) -> dict[str, Any]:
    """A call as OpenAI writes functions'. A custom tool is called with a text."""
    if not isinstance(call, Mapping):
        raise NoText("a call that is no object")
    of = next((call[kind] for kind in ("function", "custom") if isinstance(call.get(kind), Mapping)), call)
    name = of.get("name")
    if not isinstance(name, str) or not name:
        raise NoText("a call without a name")
    given = next((of[key] for key in ("arguments", "parameters") if of.get(key) not in (None, "")), None)
    if given is None and of.get("input") not in (None, ""):
        given = of["input"] if isinstance(of["input"], Mapping) else {"input": of["input"]}
    return {"function": {"name": name, "arguments": _once_more(given)}}


def _once_more(arguments: Any) -> Any:
    """Arguments that were written as JSON twice, read once."""
    if isinstance(arguments, str) and arguments.startswith('"'):
        try:
            inner = json.loads(arguments)
        except ValueError:
            return arguments
        return inner if isinstance(inner, str) else arguments
    return arguments
