"""Other clients of OpenAI's API, one call each, where they are installed."""

from __future__ import annotations

import pytest


@pytest.fixture
def right(client):
    said = client.chat.completions.create(model="tuned", messages=[{"role": "user", "content": "Hi"}])
    return said.choices[0].message.content


def test_litellm(served, right):
    litellm = pytest.importorskip("litellm")
    said = litellm.completion(
        model="openai/tuned", api_base=f"{served[0].url}/v1", api_key="none", messages=[{"role": "user", "content": "Hi"}]
    )
    assert said.choices[0].message.content == right


def test_langchain(served, right):
    openai = pytest.importorskip("langchain_openai")
    assert openai.ChatOpenAI(model="tuned", base_url=f"{served[0].url}/v1", api_key="none").invoke("Hi").content == right


def test_llm(served, right):
    models = pytest.importorskip("llm.default_plugins.openai_models")
    model = models.Chat("tuned", model_name="tuned", api_base=f"{served[0].url}/v1")
    assert model.prompt("Hi", key="none", stream=False).text() == right
