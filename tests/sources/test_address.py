"""Addresses of servers: what is posted to, what is refused, and what is never shown."""

from __future__ import annotations

import pytest

from rung.errors import UserError
from rung.sources.address import ServerAddress
from rung.sources.base import BaseReference


@pytest.mark.parametrize(
    ("written", "posted", "model"),
    [
        ("https://host/v1#m", "https://host/v1/chat/completions", "m"),
        ("https://host/v1/#m", "https://host/v1/chat/completions", "m"),
        ("https://host/v1//#m", "https://host/v1/chat/completions", "m"),
        ("https://host/v1/chat/completions#m", "https://host/v1/chat/completions", "m"),
        ("https://host/v1/chat/completions/#m", "https://host/v1/chat/completions", "m"),
        ("https://host#m", "https://host/chat/completions", "m"),
        ("https://host/#m", "https://host/chat/completions", "m"),
        ("https://host/v1?api-version=2024-10-21#m", "https://host/v1/chat/completions?api-version=2024-10-21", "m"),
        ("https://host/v1/?a=1&b=%20x#m", "https://host/v1/chat/completions?a=1&b=%20x", "m"),
        ("https://host/a/chat/completions?v=1#m", "https://host/a/chat/completions?v=1", "m"),
        ("http://127.0.0.1:8000/v1#org/model:7b#tag", "http://127.0.0.1:8000/v1/chat/completions", "org/model:7b#tag"),
        ("http://[::1]:8080/v1#m", "http://[::1]:8080/v1/chat/completions", "m"),
        ("https://host/a%2Fb/v1#my%20model", "https://host/a%2Fb/v1/chat/completions", "my%20model"),
        ("  https://host/v1 # a model ", "https://host/v1/chat/completions", "a model"),
        ("HTTPS://Host/v1#m", "https://Host/v1/chat/completions", "m"),
        ("https://host/v1#name@tag", "https://host/v1/chat/completions", "name@tag"),
        (
            "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21#d",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "d",
        ),
        (
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview#m",
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
            "m",
        ),
    ],
)
def test_where_a_question_is_posted_to(written: str, posted: str, model: str) -> None:
    found = BaseReference.read(written)
    assert (found.kind, found.address.completions, found.member) == ("server", posted, model)
    assert ServerAddress.read(str(found.address)) == found.address


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("https://host/v1", "which server and model"),
        ("https://host/v1# ", "which server and model"),
        ("https:///v1#m", "which server"),
        ("https:host/v1#m", "which server"),
        ("http://#m", "which server"),
        ("http://a..b/v1#m", "which server"),
        ("http://host:port/v1#m", "port is no number"),
        ("http://host:99999/v1#m", "port is no number"),
        ("http://host:0/v1#m", "which server"),
        ("http://[::1/v1#m", "no IPv6 address"),
        ("http://ho st/v1#m", "white space"),
        ("http://host/v1\n/x#m", "white space"),
        ("http://host/v1#a\nb", "cannot be shown"),
        ("https://host/v1/responses#m", "'/responses' is another interface"),
        ("http://localhost:11434/api/chat#m", "'/api/chat' is another interface"),
    ],
)
def test_what_is_no_address_is_told(written: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        BaseReference.read(written)
    assert caught.value.hint and caught.value.where


@pytest.mark.parametrize(
    "written",
    [
        "https://me:hunter2@host/v1#m",
        "https://hunter2@host/v1#m",
        "https://me:hun#hunter2@host/v1#m",
        "https://me:hun/hunter2@host/v1#m",
        "https://me:hunter2?@host/v1#m",
        "https://me:hunter2@host:port/v1#m",
        "https://me:hunter2@host/v1?key=hunter2",
        "https://host/v1?key=hunter2#m",
        "https://host/v1?v=1&api_key=hunter2#m",
        "https://host/v1?subscription-key=hunter2",
        "https://host:port/v1?access_token=hunter2#m",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_shown(written: str) -> None:
    with pytest.raises(UserError, match=r"kept and shown[\s\S]*RUNG_API_KEY") as caught:
        BaseReference.read(written)
    assert "hunter2" not in caught.value.message and caught.value.where.startswith("https://")


def test_what_is_said_of_a_host() -> None:
    def of(text: str) -> ServerAddress:
        return ServerAddress.read(text)

    near = ["http://127.0.0.1:1/v1", "http://127.0.5.9/v1", "http://[::1]:8/v1", "http://localhost/v1", "http://api.localhost:3/v1"]
    assert all(of(text).is_loopback and of(text).is_safe for text in near)
    far = ["http://10.0.0.1/v1", "http://localhost.example/v1", "http://host.docker.internal/v1"]
    assert not any(of(text).is_loopback or of(text).is_safe for text in far)
    assert of("https://10.0.0.1/v1").is_safe
    assert of("https://r.openai.azure.com/openai/v1").is_azure and of("https://r.cognitiveservices.azure.com/openai/v1").is_azure
    assert not of("https://openai.azure.com.example/v1").is_azure and not of("https://r.models.ai.azure.com/v1").is_azure
