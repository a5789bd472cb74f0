"""The official `openai` client, unchanged, against a server: sync, async, streaming; models, chat, tools, forms, errors."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = '{"name": "weather", "arguments": {"city": "Rome"}}'
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "word",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"b": {"type": "boolean"}, "a": {"enum": ["x", "yy"]}},
            "required": ["b", "a"],
            "additionalProperties": False,
        },
    },
}


def ask(client, text, model="script", **asked):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **asked)


def refused(client, text="Hi", model="script", **asked):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, text, model, **asked)
    return caught.value


def test_models_are_names_versions_and_bases_without_a_path(served, client):
    listed = [one.id for one in client.models.list()]
    assert {"tuned", "tuned@1", "linear", "linear@1"} <= set(listed)
    bases = [one for one in listed if one.startswith("base")]
    assert len(bases) == 2 and not any("/" in one for one in listed)
    one = client.models.retrieve("tuned@1")
    assert one.id == "tuned@1" and one.object == "model" and one.created > 1_600_000_000
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")
    assert ask(client, "Hi", bases[0]).model == bases[0]


def test_a_word_that_stands_for_nothing_is_404_and_never_the_base(client):
    for word in (
        "nobody",
        "tuned@9",
        "tuned@champion",
        "base",
        "base:123456789012",
        "../tuned",
        "/etc/passwd",
        "tuned@",
        "@1",
        "x" * 900,
    ):
        error = refused(client, model=word)
        assert error.status_code == 404 and error.code == "model_not_found" and error.param == "model"
        assert error.type == "not_found_error"


def test_a_stream_tells_usage_when_it_is_asked_to(client):
    chunks = list(ask(client, "SAY good morning", stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "good morning"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    last = chunks[-1]
    assert not last.choices and last.usage.total_tokens == 10 and last.usage.prompt_tokens_details.cached_tokens == 2
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1 and {chunk.model for chunk in chunks} == {"script@1"}
    plain = list(ask(client, "SAY good morning", stream=True))
    assert all(chunk.choices for chunk in plain)


def test_the_async_client_streams_and_asks_many_at_once(served):
    async def main():
        async with openai.AsyncOpenAI(base_url=f"{served[0].url}/v1", api_key="none", max_retries=0) as client:
            said = await asyncio.gather(
                *(
                    client.chat.completions.create(model="script", messages=[{"role": "user", "content": f"SAY {n}"}])
                    for n in range(24)
                )
            )
            assert [one.choices[0].message.content for one in said] == [str(n) for n in range(24)]
            stream = await client.chat.completions.create(
                model="plain", messages=[{"role": "user", "content": "Hi"}], stream=True, max_tokens=5
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async_text = asyncio.run(main())
    with openai.OpenAI(base_url=f"{served[0].url}/v1", api_key="none", max_retries=0) as client:
        assert ask(client, "Hi", "plain", max_tokens=5).choices[0].message.content == async_text


def test_a_call_of_the_clients_tool_comes_as_one_and_the_conversation_goes_on(client):
    said = ask(client, f"SAY I look. {CALL}", tools=[WEATHER])
    [choice] = said.choices
    [call] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls" and choice.message.content == "I look."
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"city": "Rome"}
    turns = [
        {"role": "user", "content": "Rome?"},
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "SAY sunny"},
    ]
    again = client.chat.completions.create(model="script", messages=turns, tools=[WEATHER])
    assert again.choices[0].message.content == "sunny" and again.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (f"Looking. {CALL}", "Looking.", 1),
        (CALL, None, 1),
        (f"[{CALL}, {CALL}]", None, 2),
        ("a {brace} and [a list] of words  ", "a {brace} and [a list] of words  ", 0),
        ('{"name": "other", "arguments": {}}', '{"name": "other", "arguments": {}}', 0),
        ("no call\n\n", "no call\n\n", 0),
        (f"<think>{CALL}</think>done", f"<think>{CALL}</think>done", 0),
        (f"```json\n{CALL}\n```", None, 1),
        ('{"name": "weather", "arguments": {"city": NaN}}', '{"name": "weather", "arguments": {"city": NaN}}', 0),
    ],
)
def test_calls_and_text_are_told_alike_whole_and_streamed(client, text, content, calls):
    whole = ask(client, f"SAY {text}", tools=[WEATHER]).choices[0]
    assert whole.message.content == content and len(whole.message.tool_calls or []) == calls
    told, made, ended = "", [], ""
    for chunk in ask(client, f"SAY {text}", tools=[WEATHER], stream=True):
        told += chunk.choices[0].delta.content or ""
        made += chunk.choices[0].delta.tool_calls or []
        ended = chunk.choices[0].finish_reason or ended
    assert told == (content or "") and [one.index for one in made] == list(range(calls)) and ended == whole.finish_reason


def test_tool_choice_holds_the_answer_to_a_call_or_to_none(client):
    forced = ask(client, "Hi", "plain", tools=[WEATHER], tool_choice="required", max_tokens=200).choices[0]
    assert [call.function.name for call in forced.message.tool_calls or []] in (["weather"], []) and forced.finish_reason in (
        "tool_calls",
        "length",
    )
    named = {"type": "function", "function": {"name": "weather"}}
    assert ask(client, "Hi", "plain", tools=[WEATHER], tool_choice=named, max_tokens=200).choices[0].finish_reason in (
        "tool_calls",
        "length",
    )
    none = ask(client, f"SAY {CALL}", tools=[WEATHER], tool_choice="none").choices[0]
    assert none.message.content == CALL and none.finish_reason == "stop"
    assert ask(client, f"SAY [{CALL}, {CALL}]", tools=[WEATHER], parallel_tool_calls=False).choices[0].message.tool_calls[1:] == []
    other = {"type": "function", "function": {"name": "other"}}
    assert refused(client, tools=[WEATHER], tool_choice=other).param == "tool_choice"
    assert refused(client, tool_choice="required").param == "tool_choice"
    assert refused(client, tools=[WEATHER, WEATHER]).param == "tools[1].function.name"
    assert ask(client, f"SAY {CALL}", "calls", tools=[WEATHER]).choices[0].finish_reason == "tool_calls"


def test_a_json_schema_holds_the_answer_with_its_keys_in_order(client):
    said = json.loads(ask(client, "Hi", "plain", response_format=FORM, max_tokens=60).choices[0].message.content)
    assert list(said) == ["b", "a"] and said["a"] in ("x", "yy")
    thing = ask(client, "Hi", "plain", response_format={"type": "json_object"}, max_tokens=300).choices[0]
    assert thing.finish_reason == "length" or isinstance(json.loads(thing.message.content), dict)


def test_what_a_candidate_cannot_do_is_refused_by_its_name(client):
    broken = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"a": {"$ref": "#/no"}}}},
    }
    remote = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    for asked, param in (
        ({"response_format": FORM, "model": "held"}, "response_format"),
        ({"response_format": FORM, "model": "linear"}, "response_format"),
        ({"response_format": FORM, "model": "formed"}, "response_format"),
        ({"tools": [WEATHER], "model": "linear"}, "tools"),
        ({"tools": [WEATHER], "model": "tooled"}, "tools"),
        ({"tools": [WEATHER], "tool_choice": "none", "model": "calls"}, "tool_choice"),
        ({"response_format": broken}, "response_format.json_schema.schema"),
        ({"response_format": remote}, "response_format.json_schema.schema"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"extra_body": {"top_k": 5}}, "top_k"),
        ({"extra_body": {"temprature": 5}}, "temprature"),
        ({"extra_body": {"adapters": [{"id": "tuned"}]}}, "adapters"),
        ({"extra_body": {"mode": "legal"}}, "mode"),
        ({"extra_body": {"held": "x"}}, "held"),
        ({"n": 99}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"stop": [""] * 40}, "stop"),
    ):
        error = refused(client, **asked)
        assert (error.status_code, error.param) in ((400, param), (403, param), (404, param)), asked
    assert ask(client, "Hi", "formed", response_format={"type": "json_object"}).choices


def test_sampling_is_greedy_unless_the_client_says_otherwise_and_what_departs_is_told(served, client):
    assert ask(client, "SAY TEMPERATURE").choices[0].message.content == "0.0"
    raw = client.chat.completions.with_raw_response.create(
        model="script", messages=[{"role": "user", "content": "SAY TEMPERATURE"}], temperature=0.7, max_tokens=9
    )
    assert raw.parse().choices[0].message.content == "0.7"
    assert raw.headers["x-rung-departs"] == "temperature, max_tokens" and raw.parse().rung["departs"] == [
        "temperature",
        "max_tokens",
    ]
    kinds = served[1]
    raw = client.chat.completions.with_raw_response.create(model="tuned", messages=[{"role": "user", "content": "Hi"}])
    assert "x-rung-departs" not in raw.headers
    assert raw.headers["x-rung-model"] == "tuned@1" and raw.headers["x-rung-candidate"] == kinds["tuned"].id
    assert raw.headers["x-rung-adapters"] == f"{kinds['tuned'].adapters[0]};weight=1"
    assert raw.headers["x-request-id"] == raw.parse().id and raw.parse().rung["adapters"][0]["weight"] == 1.0
    other = client.chat.completions.create(model="other", messages=[{"role": "user", "content": "Hi"}])
    assert raw.parse().system_fingerprint == raw.headers["x-rung-fingerprint"] != other.system_fingerprint


def test_several_answers_stops_and_the_end_by_a_limit(client):
    several = ask(client, "SAY one", n=3)
    assert [choice.message.content for choice in several.choices] == ["one"] * 3 and several.usage.completion_tokens == 9
    drawn = ask(client, "Hi", "held", n=12, temperature=2.0, seed=5)
    again = ask(client, "Hi", "held", n=12, temperature=2.0, seed=5)
    words = [choice.message.content for choice in drawn.choices]
    assert words == [choice.message.content for choice in again.choices] and len(set(words)) > 1
    assert ask(client, "SAY a b c", stop=["c", "b"]).choices[0].message.content == "a "
    assert ask(client, "SAY a b c", max_tokens=1).choices[0].finish_reason == "length"
    places = {}
    for chunk in ask(client, "SAY two", n=2, stream=True):
        choice = chunk.choices[0]
        places[choice.index] = places.get(choice.index, "") + (choice.delta.content or "")
    assert places == {0: "two", 1: "two"}


def test_log_probabilities_of_a_choice_are_those_of_the_whole_choice(client):
    for model in ("held", "linear"):
        [token] = ask(client, "good day", model, logprobs=True, top_logprobs=2).choices[0].logprobs.content
        assert token.token == ask(client, "good day", model).choices[0].message.content
        assert token.top_logprobs[0].logprob == token.logprob and len(token.top_logprobs) == 2
    streamed = [chunk.choices[0].logprobs for chunk in ask(client, "good day", "held", logprobs=True, stream=True)]
    assert [one.content[0].token for one in streamed if one]


def test_log_probabilities_of_tokens_are_the_same_whole_and_streamed(client):
    whole = ask(client, "Hi", "tuned", logprobs=True, top_logprobs=3).choices[0]
    tokens = whole.logprobs.content
    assert tokens and b"".join(bytes(token.bytes) for token in tokens).decode("utf-8", "replace") == whole.message.content
    for token in tokens:
        assert token.top_logprobs[0].logprob == max(one.logprob for one in token.top_logprobs) and len(token.top_logprobs) == 3
    told = []
    for chunk in ask(client, "Hi", "tuned", logprobs=True, top_logprobs=3, stream=True):
        told += chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else []
    assert [token.bytes for token in told] == [token.bytes for token in tokens]
    assert [token.logprob for token in told] == pytest.approx([token.logprob for token in tokens], abs=1e-4)
    older = client.completions.create(model="tuned", prompt="Hi", logprobs=2).choices[0].logprobs
    assert older.tokens == [token.token for token in tokens] and older.text_offset[0] == 0


def test_what_happened_on_the_way_is_told_beside(client):
    said = ask(client, "What is twice 21?", "tooled")
    assert [call["name"] for call in said.rung["calls"]] and "result" not in said.rung["calls"][0]
    found = ask(client, "The gate: when does it open?", "documents")
    assert [one["source"] for one in found.rung["passages"]] == ["0.md", "1.md"]


def test_failures_tell_no_path_and_no_trace(client):
    failed = refused(client, "fail")
    assert failed.status_code == 503 and "secret" not in str(failed.body) and failed.type == "server_error"
    silent = refused(client, "silent")
    assert silent.status_code == 503 and "secret" not in str(silent.body) and silent.response.headers["retry-after"]
    long = refused(client, "word " * 3000, "plain")
    assert long.status_code == 400 and long.code == "context_length_exceeded" and "word word" not in str(long.body)
    streamed = refused(client, "word " * 3000, "plain", stream=True)
    assert streamed.status_code == 400 and streamed.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"role": "robot", "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": 7}], "messages[0].content"),
        ([{"role": "user"}], "messages[0].content"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x"}}]}],
            "messages[0].content[0]",
        ),
        ([{"role": "user", "content": "x"}, {"role": "tool", "content": "x", "tool_call_id": "nope"}], "messages[1].tool_call_id"),
        ([{"role": "user", "content": "x", "colour": "red"}], "messages[0].colour"),
        (["x"], "messages[0]"),
    ],
)
def test_a_message_that_is_none_is_named(client, messages, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="script", messages=messages)
    assert caught.value.param == param


def test_parts_developers_and_names_are_read(client):
    parts = [{"type": "text", "text": "SAY "}, {"type": "text", "text": "both"}]
    turns = [{"role": "developer", "content": "Be brief."}, {"role": "user", "name": "anna", "content": parts}]
    said = client.chat.completions.create(
        model="script", messages=turns, user="u1", metadata={"a": "b"}, store=False, service_tier="auto", frequency_penalty=0
    )
    assert said.choices[0].message.content == "both"
