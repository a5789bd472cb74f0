"""Requests of the shapes that clients of other servers were turned away with, or answered wrongly, each after a complaint."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

USER = {"role": "user", "content": "Say hi."}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
SUNNY = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"}
SAID_BEFORE = {
    "reasoning_content": "hm",
    "refusal": None,
    "annotations": [],
    "audio": None,
    "function_call": None,
    "tool_calls": None,
}

TAKEN: dict[str, list[dict[str, Any]]] = {
    "a call with null content": [USER, CALLED, SUNNY],
    "a call without content": [USER, {"role": "assistant", "tool_calls": [CALL]}, SUNNY],
    "a result in parts": [USER, CALLED, {**SUNNY, "content": [{"type": "text", "text": "Sunny"}]}],
    "a turn that said nothing": [USER, {"role": "assistant", "content": ""}, USER],
    "a turn that said null": [USER, {"role": "assistant", "content": None}, USER],
    "what an answer came with, sent back": [USER, {"role": "assistant", "content": "Hi", **SAID_BEFORE}, USER],
    "a developer": [{"role": "developer", "content": "Be terse."}, USER],
    "two systems": [{"role": "system", "content": "Be terse."}, {"role": "system", "content": "Be kind."}, USER],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "Say"}, {"type": "text", "text": " hi."}]}],
    "a named user": [{**USER, "name": "ann"}],
}


@pytest.fixture
def ask(served):
    with httpx.Client(base_url=f"{served[0].url}/v1", timeout=120) as client:

        def post(path: str, **body: Any) -> httpx.Response:
            return client.post(path, json={"model": "tuned", **body})

        yield post


def test_conversations_as_clients_send_them_are_answered(ask) -> None:
    for name, messages in TAKEN.items():
        said = ask("/chat/completions", messages=messages, max_tokens=3)
        assert said.status_code == 200, f"{name}: {said.text}"
        assert said.json()["usage"]["completion_tokens"] > 0, name


def test_a_turn_of_nothing_at_all_is_no_turn(ask) -> None:
    said = ask("/chat/completions", messages=[USER, {"role": "assistant"}, USER])
    assert said.status_code == 400 and said.json()["error"]["param"] == "messages[1].content"


def test_nulls_and_neutral_values_say_nothing(ask) -> None:
    nulls = ("stop", "n", "seed", "temperature", "top_p", "tools", "tool_choice", "response_format", "stream_options", "logit_bias")
    nulls += ("user", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "metadata")
    neutral = {"n": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}, "tools": [], "stop": [], "store": False}
    plain = ask("/chat/completions", messages=[USER], max_tokens=3).json()["choices"]
    for more in (dict.fromkeys(nulls), neutral, {"response_format": {"type": "text"}, "parallel_tool_calls": False}):
        assert ask("/chat/completions", messages=[USER], max_tokens=3, **more).json()["choices"] == plain, more


def test_what_is_not_done_is_refused_by_its_name(ask) -> None:
    for more in (
        {"presence_penalty": 0.5},
        {"logit_bias": {"5": -100}},
        {"guided_json": {}},
        {"repetition_penalty": 1.1},
        {"max_tokens": 0},
    ):
        said = ask("/chat/completions", messages=[USER], **more)
        assert said.status_code == 400 and said.json()["error"]["param"] == next(iter(more))


def test_the_newer_name_of_the_limit_counts(ask) -> None:
    said = ask("/chat/completions", messages=[USER], max_completion_tokens=2).json()
    assert said["usage"]["completion_tokens"] <= 2


def test_a_turn_of_the_other_interface_needs_neither_id_nor_type(ask) -> None:
    before = {"role": "assistant", "content": [{"type": "output_text", "text": "Hello!"}]}
    for turn in (before, {"type": "message", **before}):
        said = ask("/responses", input=[USER, turn, {"role": "user", "content": "Bye."}], max_output_tokens=16)
        assert said.status_code == 200, said.text


@pytest.mark.parametrize(("path", "asked"), [("/chat/completions", {"messages": [USER]}), ("/completions", {"prompt": "Hi"})])
def test_the_usage_is_a_piece_of_its_own_and_only_where_it_is_asked_for(ask, path: str, asked: dict[str, Any]) -> None:
    for wanted in (False, True):
        options = {"stream_options": {"include_usage": True}} if wanted else {}
        lines = ask(path, **asked, max_tokens=3, stream=True, **options).text.strip().split("\n\n")
        assert lines[-1] == "data: [DONE]"
        pieces = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
        with_usage = [piece for piece in pieces if piece.get("usage")]
        assert [piece["choices"] for piece in with_usage] == ([[]] if wanted else [])
        assert all(piece["choices"] for piece in pieces if piece not in with_usage)
        assert len({piece["id"] for piece in pieces}) == 1
