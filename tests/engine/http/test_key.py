"""The key: sent as the server wants it, refused in words where it cannot be, and never shown."""

from __future__ import annotations

import pytest

from rung.engine.http.key import headers, masked
from rung.errors import UserError
from rung.sources.address import ServerAddress

HERE, FAR = ServerAddress.read("http://127.0.0.1:8000/v1"), ServerAddress.read("http://models.example/v1")
AZURE = ServerAddress.read("https://r.openai.azure.com/openai/v1")
KEY = "zq-17-verysecret-98"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (KEY, f"Bearer {KEY}"),
        (f"{KEY}\n", f"Bearer {KEY}"),
        (f" \t{KEY}\r\n", f"Bearer {KEY}"),
        (f"\ufeff{KEY}", f"Bearer {KEY}"),
        (f'"{KEY}"', f"Bearer {KEY}"),
        (f"'{KEY}'\n", f"Bearer {KEY}"),
        (f"Bearer {KEY}\n", f"Bearer {KEY}"),
        ("Basic bWU6aHVudGVyMg==", "Basic bWU6aHVudGVyMg=="),
        ("", None),
        (" \n", None),
        ("''", None),
    ],
)
def test_what_surrounds_a_key_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, written: str, sent: str | None) -> None:
    monkeypatch.setenv("RUNG_API_KEY", written)
    assert headers(HERE).get("Authorization") == sent


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (f"{KEY}\n{KEY}", "white space"),
        (f"{KEY} {KEY}", "white space"),
        (f"{KEY}\x1b[0m", "no key has"),
        (f"{KEY}\udcff", "no key has"),
        (f"{KEY}\u2026", r"no key has \(character 20 of 20\)"),
        (f"s\u0435{KEY}", r"no key has \(character 2 of 21\)"),
        (f"Bearer {KEY}\r\nX-Other: 1", "white space"),
    ],
)
def test_a_key_that_no_header_carries_is_refused_unseen(monkeypatch: pytest.MonkeyPatch, written: str, problem: str) -> None:
    monkeypatch.setenv("RUNG_API_KEY", written)
    with pytest.raises(UserError, match=problem) as caught:
        headers(HERE)
    assert KEY not in caught.value.message and "RUNG_API_KEY" in caught.value.where


def test_who_gets_which_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-two")
    assert headers(HERE) == {"Authorization": "Bearer sk-two"}
    assert headers(FAR) == {}, "OpenAI's key does not go over a network in clear text"
    monkeypatch.setenv("RUNG_API_KEY", KEY)
    assert headers(FAR) == {"Authorization": f"Bearer {KEY}"}
    assert headers(AZURE) == {"api-key": KEY}
    monkeypatch.setenv("RUNG_API_KEY", f"Bearer {KEY}")
    assert headers(AZURE) == {"Authorization": f"Bearer {KEY}"}, "a token of Entra's"


def test_no_text_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = 'k"1/2+é'
    monkeypatch.setenv("RUNG_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("OPENAI_API_KEY", key)
    for text in (f"Invalid key {KEY}.", f"'Bearer {KEY}'", 'bad "k\\"1/2+\\u00e9"', "?key=k%221%2F2%2B%C3%A9&x"):
        told = masked(text)
        assert "[key]" in told and "verysecret" not in told and "1/2" not in told and "1%2F2" not in told
    for text in (
        "Incorrect API key provided: sk-proj-ab*******wxyz.",
        "sent: Bearer abc123def456ghi",
        "AIzaSyA-1234567890123456789012",
    ):
        assert "[key]" in masked(text) and "wxyz" not in masked(text) and "123" not in masked(text)
    for text in (
        "Missing bearer or basic authentication in header",
        "the model hf-internal-testing/tiny is not known",
        "sketch-6 is",
    ):
        assert masked(text) == text


def test_a_short_key_masks_no_part_of_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_API_KEY", "no")
    assert masked("unknown: no, not known") == "unknown: [key], not known"
