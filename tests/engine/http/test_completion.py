"""A chat completion in every form that servers give it: the answer in it, or why there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.engine.backend import Request
from rung.engine.http.completion import NOTHING, Completion, has_message, read_completion

CALL = {"id": "1", "type": "function", "function": {"name": "go", "arguments": '{"to": "Rome"}'}}
TEXT = {"type": "text", "text": "B"}


def read(reply: Any) -> Completion:
    assert has_message(reply)
    return read_completion(reply, Request(messages=({"role": "user", "content": "hi"},)), 0.1)


@pytest.mark.parametrize(
    ("message", "finish", "text", "fault"),
    [
        ({"content": None}, "silent", "", NOTHING),
        ({"content": ""}, "silent", "", NOTHING),
        ({"content": " \n"}, "silent", "", NOTHING),
        ({}, "silent", "", NOTHING),
        ({"content": []}, "silent", "", NOTHING),
        ({"content": None, "tool_calls": [], "function_call": None, "refusal": None}, "silent", "", NOTHING),
        ({"content": None}, "length", "", ""),
        ({"content": None, "reasoning_content": "A?"}, "length", "<think>A?</think>", ""),
        ({"content": "<think>A"}, "length", "<think>A", ""),
        ({"content": None, "reasoning": "A?"}, "stop", "<think>A?</think>", "the server sent a thought and no answer"),
        ({"content": "", "reasoning_content": "A?"}, "stop", "<think>A?</think>", "the server sent a thought and no answer"),
        ({"content": "<think>A</think>\n"}, "stop", "<think>A</think>\n", "the server sent a thought and no answer"),
        ({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "A"}]}, "length", "<think>A</think>", ""),
        ({"content": "B", "reasoning_content": "A?"}, "stop", "B", ""),
        ({"content": None, "refusal": "I cannot."}, "stop", "I cannot.", ""),
        ({"content": [{"type": "refusal", "refusal": "I cannot."}]}, "stop", "I cannot.", ""),
        ({"content": [{"type": "thinking", "thinking": "A?"}, TEXT]}, "stop", "B", ""),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "A"}]}, {"type": "text", "text": "B"}]},
            "stop",
            "B",
            "",
        ),
        ({"content": [{"type": "thinking", "thinking": "A?"}]}, "length", "<think>A?</think>", ""),
        (
            {"content": [{"type": "reasoning", "text": "A"}, {"type": "output_text", "text": "B"}]},
            "stop",
            "B",
            "",
        ),
        ({"content": [{"type": "text", "text": {"value": "B"}}, " C"]}, "stop", "B C", ""),
        ({"content": {"type": "text", "text": "B"}}, "stop", "B", ""),
        ({"content": {"a": 1}}, "stop", '{"a": 1}', ""),
        ({"content": 5}, "stop", "5", ""),
        ({"content": [{"type": "image_url"}]}, "stop", "", "the server sent what is no text: a part of type 'image_url'"),
        ({"content": "half"}, "content_filter", "half", ""),
        ({"content": "half"}, "length", "half", ""),
    ],
)
def test_what_a_message_holds(message: Any, finish: Any, text: Any, fault: Any) -> None:
    sent = "stop" if finish == "silent" else finish
    said = read({"choices": [{"message": message, "finish_reason": sent}]}).answer
    assert (said.text, said.finish_reason, said.fault) == (text, finish, fault)


@pytest.mark.parametrize(
    "message",
    [
        {"tool_calls": [CALL]},
        {"tool_calls": [{**CALL, "function": {"name": "go", "arguments": {"to": "Rome"}}}]},
        {"tool_calls": [{**CALL, "function": {"name": "go", "arguments": '"{\\"to\\": \\"Rome\\"}"'}}]},
        {"tool_calls": [{"name": "go", "arguments": {"to": "Rome"}}]},
        {"tool_calls": CALL},
        {"tool_calls": [None, CALL]},
        {"function_call": {"name": "go", "arguments": '{"to": "Rome"}'}},
        {"content": [{"type": "text", "text": "So:"}, {"type": "tool_use", "id": "1", "name": "go", "input": {"to": "Rome"}}]},
        {"content": "So:", "tool_calls": [CALL]},
    ],
)
def test_a_call_in_every_form(message: Any) -> None:
    said = read({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).answer
    assert json.loads(said.text) == {"name": "go", "arguments": {"to": "Rome"}}


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ({"type": "custom", "custom": {"name": "go", "input": "to Rome"}}, {"input": "to Rome"}),
        ({"function": {"name": "go", "arguments": ""}}, {}),
        ({"function": {"name": "go", "arguments": None}}, {}),
        ({"function": {"name": "go"}}, {}),
        ({"function": {"name": "go", "arguments": '{"to": '}}, '{"to": '),
    ],
)
def test_the_arguments_of_a_call(call: Any, arguments: Any) -> None:
    said = read({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}).answer
    assert json.loads(said.text) == {"name": "go", "arguments": arguments}


@pytest.mark.parametrize(
    ("choices", "text", "finish"),
    [
        ([None, {"message": {"content": "B"}, "finish_reason": "stop"}], "B", "stop"),
        ([{"message": {"content": "B"}}, {"message": {"content": "C"}}], "B", "stop"),
        ([{"text": "B", "finish_reason": "stop"}], "B", "stop"),
        ([{"message": None, "finish_reason": "content_filter"}], "", "content_filter"),
        ([{"finish_reason": "content_filter: SAFETY"}], "", "content_filter"),
        ([{"message": {"content": ""}, "finish_reason": "error", "error": {"code": 502, "message": "gone"}}], "", "error"),
        ([{"message": {"content": "So:"}, "finish_reason": "tool_calls"}, {"message": {"tool_calls": [CALL]}}], None, "stop"),
        ([{"message": {"content": ""}, "finish_reason": "tool_calls"}], "", "silent"),
    ],
)
def test_which_choice_is_the_answer(choices: Any, text: Any, finish: Any) -> None:
    said = read({"choices": choices, "usage": None}).answer
    assert said.finish_reason == finish
    assert said.text == text or (text is None and json.loads(said.text)["name"] == "go")


@pytest.mark.parametrize(("theirs", "ours"), [("max_tokens", "length"), ("SAFETY", "content_filter"), ("abort", "error")])
def test_servers_words_for_the_same_end(theirs: Any, ours: Any) -> None:
    assert read({"choices": [{"message": {"content": ""}, "finish_reason": theirs}]}).answer.finish_reason == ours


@pytest.mark.parametrize(
    "reply", [None, {}, {"choices": None}, {"choices": []}, {"choices": [None]}, {"choices": [{}]}, {"choices": {}}]
)
def test_what_is_no_completion(reply: Any) -> None:
    assert not has_message(reply)


@pytest.mark.parametrize(
    ("message", "usage", "thinks"),
    [
        ({"content": "B"}, {"completion_tokens_details": {"reasoning_tokens": 0}}, False),
        ({"content": "B"}, {"completion_tokens_details": {"reasoning_tokens": 7}}, True),
        ({"content": "B"}, {"completion_tokens_details": None, "reasoning_tokens": 7}, True),
        ({"content": "B", "reasoning_content": "A"}, None, True),
        ({"content": "B", "reasoning": ""}, {}, False),
        ({"content": "<think>A</think>B"}, {}, True),
        ({"content": [{"type": "thinking", "thinking": "A"}, TEXT]}, {}, True),
    ],
)
def test_whether_a_model_thinks(message: Any, usage: Any, thinks: bool) -> None:
    assert read({"choices": [{"message": message}], "usage": usage}).thinks is thinks


def test_counts_that_are_none() -> None:
    usage = {"prompt_tokens": "many", "completion_tokens": 7.0, "prompt_tokens_details": [], "total_tokens": -1}
    said = read({"choices": [{"message": {"content": "B"}}], "usage": usage}).answer
    assert (said.prompt_tokens, said.completion_tokens, said.cached_tokens) == (None, 7, None)
