"""Completions, responses, conversations and embeddings, with the official client."""

from __future__ import annotations

import json

import openai
import pytest

CALL = '{"name": "weather", "arguments": {"city": "Rome"}}'
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def test_a_completion_is_the_answer_to_what_a_user_says(client):
    chat = client.chat.completions.create(model="plain", messages=[{"role": "user", "content": "Hi"}])
    said = client.completions.create(model="plain", prompt="Hi")
    assert said.choices[0].text == chat.choices[0].message.content and said.system_fingerprint == chat.system_fingerprint
    streamed = client.completions.create(model="plain", prompt="Hi", stream=True, stream_options={"include_usage": True})
    chunks = list(streamed)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == said.choices[0].text
    assert chunks[-1].usage.prompt_tokens == said.usage.prompt_tokens
    several = client.completions.create(model="script", prompt=["SAY a", "SAY b"], n=2)
    assert [choice.text for choice in several.choices] == ["a", "a", "b", "b"]
    assert several.usage.prompt_tokens == 14 and several.usage.completion_tokens == 12
    [top] = client.completions.create(model="held", prompt="Hi", logprobs=3).choices[0].logprobs.top_logprobs
    assert set(top) == {"yes", "no", "perhaps"}


@pytest.mark.parametrize(
    "asked", [{"prompt": [1, 2]}, {"prompt": []}, {"prompt": ""}, {"prompt": "x", "echo": True}, {"prompt": "x", "suffix": "y"}]
)
def test_what_a_completion_cannot_be_is_refused(client, asked):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="script", **asked)
    assert caught.value.param in ("prompt", "echo", "suffix")


def test_a_response_is_the_answer_in_items(client):
    chat = client.chat.completions.create(
        model="plain", messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    )
    said = client.responses.create(model="plain", instructions="Be brief.", input="Hi")
    assert said.output_text == chat.choices[0].message.content and said.model == "plain@1"
    assert said.usage.input_tokens == chat.usage.prompt_tokens and said.id.startswith("resp_")
    parts = [{"role": "user", "content": [{"type": "input_text", "text": "SAY parts"}]}]
    assert client.responses.create(model="script", input=parts).output_text == "parts"


def test_a_responses_events_make_the_same_response(client):
    events = list(client.responses.create(model="plain", input="Hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    told = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1].response
    assert told == last.output_text == client.responses.create(model="plain", input="Hi").output_text
    assert last.status in ("completed", "incomplete") and events[-1].type == f"response.{last.status}"
    with client.responses.stream(model="script", input="SAY streamed") as stream:
        assert stream.get_final_response().output_text == "streamed"


def test_a_call_in_a_response_and_what_came_of_it(client):
    said = client.responses.create(model="script", input=f"SAY {CALL}", tools=[WEATHER])
    [item] = said.output
    assert item.type == "function_call" and item.name == "weather" and json.loads(item.arguments) == {"city": "Rome"}
    given = {"type": "function_call_output", "call_id": item.call_id, "output": "SAY sunny"}
    after = client.responses.create(model="script", input=[given], previous_response_id=said.id, tools=[WEATHER])
    assert after.output_text == "sunny"
    whole = [{"role": "user", "content": "Rome?"}, item.model_dump(), given]
    assert client.responses.create(model="script", input=whole, tools=[WEATHER]).output_text == "sunny"
    with client.responses.stream(model="script", input=f"SAY {CALL}", tools=[WEATHER]) as stream:
        events = [event.type for event in stream]
        assert "response.function_call_arguments.done" in events and stream.get_final_response().output[0].name == "weather"


def test_a_form_of_a_response_is_held(client):
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "additionalProperties": False}
    format = {"type": "json_schema", "name": "a", "schema": schema, "strict": True}
    said = client.responses.create(model="plain", input="Hi", text={"format": format}, max_output_tokens=60)
    assert json.loads(said.output_text)["a"] in ("x", "y")


def test_conversations_go_on_while_the_server_knows_them_and_are_each_tenants_own(served, client):
    from rung.serve.openai.kept import Conversations
    from rung.serve.types import Refused, Tenant

    begun = client.conversations.create()
    client.responses.create(model="script", input="SAY one", conversation=begun.id)
    said = client.responses.create(model="script", input="SAY two", conversation=begun.id)
    assert said.output_text == "two" and said.conversation.id == begun.id
    for asked in ({"conversation": "conv_nobody"}, {"previous_response_id": "resp_nobody"}):
        with pytest.raises(openai.NotFoundError) as caught:
            client.responses.create(model="script", input="x", **asked)
        assert caught.value.param in asked
    kept, one, two = Conversations(most=4000), Tenant(id="a", name="a"), Tenant(id="b", name="b")
    id = kept.begin(one, [{"role": "user", "content": "x" * 1000}])
    assert kept.turns(one, id, "conversation")
    with pytest.raises(Refused):
        kept.turns(two, id, "conversation")
    for _ in range(5):
        kept.begin(two, [{"role": "user", "content": "y" * 1000}])
    with pytest.raises(Refused):
        kept.turns(one, id, "conversation")


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://127.0.0.1:9"}]}]},
            "input[0].content[0]",
        ),
        ({"input": "x", "background": True}, "background"),
        ({"input": "x", "reasoning": {"effort": "high"}}, "reasoning.effort"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"input": "x", "include": ["web_search_call.action.sources"]}, "include"),
        ({"input": []}, "input"),
    ],
)
def test_what_a_response_cannot_be_is_refused(client, asked, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="script", **asked)
    assert caught.value.param == param


def test_texts_are_embedded_by_a_candidates_encoder(client, served):
    import numpy as np

    said = client.embeddings.create(model="dense", input=["the gate opens", "rain and sun"])
    encoder = served[0].door.runtime.encoder_for(served[1]["dense"].retrieval.encoder)
    for one, text in zip(said.data, ("the gate opens", "rain and sun"), strict=True):
        assert np.array_equal(np.array(one.embedding, np.float32), encoder.passage(text))
    floats = client.embeddings.create(model="dense", input="the gate opens", encoding_format="float")
    assert floats.data[0].embedding == said.data[0].embedding and said.usage.prompt_tokens > 0 and said.model == "dense@1"
    for asked in (
        {"model": "plain", "input": "x"},
        {"model": "dense", "input": "x", "dimensions": 5},
        {"model": "dense", "input": [[1]]},
    ):
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(**asked)
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="dense", input="gate " * 5000)
    assert caught.value.code == "context_length_exceeded"
