"""Row shapes: how a row's own fields say what is asked, what is right and which tools there are.

Shapes that say so themselves are told by their fields' names; any other is named by `data.columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rung.data import messages as talk
from rung.data.calls import as_calls, as_tools, looks_like_calls
from rung.data.rows import RowError
from rung.parts import Gold

Row = Mapping[str, Any]
COLUMN_KEYS = ("input", "target", "id", "group", "origin", "split", "system", "tools", "gold", "calls")
QUESTION_KEYS = ("question", "query", "prompt", "instruction", "input")
TOOL_KEYS = ("tools", "functions", "function")
TARGET_KEYS = ("target", "ground_truth", "answers", "answer", "calls", "tool_calls", "completion", "output")
KNOWN_SHAPES = (
    '{"messages": [...]}, {"prompt", "completion"}, {"instruction", "input", "output"}, {"conversations": [{"from", "value"}]}, '
    '{"question", "tools", "target"} and {"prompt", "chosen", "rejected"}'
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a row says, before ids, groups and splits: `target` is text, a number, an object, or a list of tool calls."""

    messages: list[dict[str, Any]]
    target: Any
    tools: tuple[dict[str, Any], ...] = ()
    gold: tuple[Gold, ...] = ()
    calls: tuple[Mapping[str, Any], ...] | None = None
    rejected: Any = None


def shape_of(row: Row) -> str | None:
    """The name of the shape that a row's fields fit, or None."""
    return next((name for name, (fits, _) in SHAPES.items() if fits(row)), None)


def convert(row: Row, shape: str) -> Parts:
    """A row of a self-describing shape, understood. Raises RowError."""
    return _checked(SHAPES[shape][1](row))


def convert_columns(row: Row, columns: Mapping[str, str]) -> Parts:
    """A row understood by `data.columns`, which names the input's and the target's columns. Raises RowError."""
    absent = [name for key, name in columns.items() if key in ("input", "target") and name not in row]
    if absent:
        raise RowError(f"no field '{absent[0]}'")
    tools = as_tools(row.get(columns["tools"])) if "tools" in columns else ()
    asked = _with_system(talk.as_messages(row[columns["input"]]), row.get(columns.get("system", "")))
    _refuse_answered(asked)
    # The calls that lead to the target, where the task brings the tools: not what is asked for, so no part of the target.
    calls = row.get(columns["calls"]) if "calls" in columns else None
    target = _target(row[columns["target"]], tools, columns["target"])
    told = None if calls in (None, "") else tuple(as_calls(calls, ()))
    return _checked(Parts(messages=asked, target=target, tools=tools, calls=told))


def _checked(parts: Parts) -> Parts:
    talk.check_question(parts.messages)
    return parts


def _target(value: Any, tools: tuple[dict[str, Any], ...], name: str) -> Any:
    if tools and value is not None and looks_like_calls(value):
        return as_calls(value, tools)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowError(f"the target ({name}) is empty")
    return value.strip() if isinstance(value, str) else value


def _with_system(messages: list[dict[str, Any]], system: Any) -> list[dict[str, Any]]:
    if not system or not str(system).strip() or messages[0]["role"] in ("system", "developer"):
        return messages
    return [{"role": "system", "content": str(system)}, *messages]


def _refuse_answered(messages: list[dict[str, Any]]) -> None:
    if messages[-1]["role"] == "assistant":
        raise RowError("the row has both a target and a last assistant message; which one is right?")


def _row_tools(row: Row) -> tuple[dict[str, Any], ...]:
    key = next((key for key in TOOL_KEYS if row.get(key)), None)
    return as_tools(row[key]) if key else ()


def _calls(row: Row) -> Parts:
    """Asked with tools at hand, and a target of its own: {"question", "function", "ground_truth"} or the like."""
    tools = _row_tools(row)
    question = next(key for key in QUESTION_KEYS if key in row)
    target = next(key for key in TARGET_KEYS if key in row and key != question)
    asked = _with_system(talk.as_messages(row[question]), row.get("system"))
    return Parts(messages=asked, target=_target(row[target], tools, target), tools=tools)


def _messages(row: Row) -> Parts:
    """A whole OpenAI conversation, whose last assistant turn is the target unless a `target` field stands beside it."""
    messages, tools = talk.as_messages(row["messages"]), _row_tools(row)
    if "target" in row:
        _refuse_answered(messages)
        return Parts(messages=messages, target=_target(row["target"], tools, "target"), tools=tools)
    asked, answer = talk.split_answer(messages)
    return Parts(messages=asked, target=answer, tools=tools)


def _prompt_completion(row: Row) -> Parts:
    """Blanks around a completion are dropped: OpenAI's older files put one before each."""
    asked, answer = talk.as_messages(row["prompt"]), row["completion"]
    if isinstance(answer, list) and answer and isinstance(answer[0], dict) and "role" in answer[0]:
        between, target = talk.split_answer(talk.as_messages(answer))
        return Parts(messages=[*asked, *between], target=target, tools=_row_tools(row))
    asked, tools = _with_system(asked, row.get("system")), _row_tools(row)
    return Parts(messages=asked, target=_target(answer, tools, "completion"), tools=tools)


def _alpaca(row: Row) -> Parts:
    instruction, given = talk.filled(row["instruction"], "the instruction"), row.get("input")
    text = f"{instruction}\n\n{talk.filled(given, 'the input')}" if given not in (None, "") and str(given).strip() else instruction
    turns = [
        {"role": role, "content": str(said)}
        for pair in row.get("history") or []
        for role, said in zip(("user", "assistant"), pair, strict=False)
    ]
    asked, tools = _with_system([*turns, {"role": "user", "content": text}], row.get("system")), _row_tools(row)
    return Parts(messages=asked, target=_target(row["output"], tools, "output"), tools=tools)


def _sharegpt(row: Row) -> Parts:
    messages = _with_system(talk.as_messages(row["conversations"]), row.get("system"))
    asked, answer = talk.split_answer(messages)
    return Parts(messages=asked, target=answer, tools=_row_tools(row))


def _preference(row: Row) -> Parts:
    """The chosen answer is the target, the rejected one is kept. Without a prompt, it is what both conversations share."""
    tools, chosen, rejected = _row_tools(row), row["chosen"], row["rejected"]
    if row.get("prompt") is None:
        asked, target = talk.split_answer(talk.as_messages(chosen))
        other, bad = talk.split_answer(talk.as_messages(rejected))
        if asked != other:
            raise RowError("the chosen and the rejected conversation differ before their last turn")
    else:
        asked = _with_system(talk.as_messages(row["prompt"]), row.get("system"))
        target, bad = _said(chosen, "the chosen answer"), _said(rejected, "the rejected answer")
    return Parts(messages=asked, target=target, tools=tools, rejected=bad)


def _openai_preference(row: Row) -> Parts:
    given = row["input"]
    pair = {"chosen": row["preferred_output"], "rejected": row["non_preferred_output"]}
    return _preference({"prompt": given["messages"], "tools": given.get("tools"), **pair})


def _said(value: Any, what: str) -> Any:
    if isinstance(value, (list, dict)):
        return talk.split_answer(talk.as_messages(value))[1]
    return talk.filled(value, what)


def _is_calls(row: Row) -> bool:
    question = next((key for key in QUESTION_KEYS if key in row), None)
    has_target = any(key in row for key in TARGET_KEYS if key != question)
    return question is not None and has_target and any(key in row for key in TOOL_KEYS)


def _is_openai_preference(row: Row) -> bool:
    asked = row.get("input")
    return isinstance(asked, dict) and "messages" in asked and {"preferred_output", "non_preferred_output"} <= set(row)


def _has(*names: str) -> Callable[[Row], bool]:
    return lambda row: all(name in row for name in names)


# In order: the first that fits is the row's shape.
SHAPES: dict[str, tuple[Callable[[Row], bool], Callable[[Row], Parts]]] = {
    "preference": (_has("chosen", "rejected"), _preference),
    "openai preference": (_is_openai_preference, _openai_preference),
    "messages": (_has("messages"), _messages),
    "sharegpt": (_has("conversations"), _sharegpt),
    "prompt/completion": (_has("prompt", "completion"), _prompt_completion),
    "alpaca": (_has("instruction", "output"), _alpaca),
    "tool calls": (_is_calls, _calls),
}
