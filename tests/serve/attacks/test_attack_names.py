"""The word for a model: no path, no address, no other base behind it. What is not registered is 404, never the base's answer."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from attacked import Attacked

STRANGE = [
    "../m/ad4",
    "..%2fm%2fad4",
    "/etc/passwd",
    "spam/../../secret",
    "spam@../1",
    "file:///etc/passwd",
    "http://127.0.0.1:1/v1#x",
    "hf:org/name",
    "pip:name",
    "scripted:model.py#answer",
    "tree:" + "0" * 64,
    "linear:" + "0" * 64,
    "spam@999",
    "spam@-1",
    "spam@1e0",
    "spam@０1",  # digits of another script
    "spam@1@1",
    "spam@",
    "@1",
    "Spam",
    "spam ",
    "spam\x00",
    "spam\r\nX-Injected: 1",
    "sp\u200bam",
    "spam' OR '1'='1",
    "spam*",
    "[s]pam",
    "%73pam",
    "base:nothing",
    "base@1",
    "adapter@000000000000",
    "a" * 1999,
    "\U0001f600",
]


@pytest.mark.parametrize("word", STRANGE, ids=range(len(STRANGE)))
def test_a_word_that_is_no_model(attacked: Attacked, word: str) -> None:
    came = attacked.wire.chat(word)
    assert came.status == 404 and came.error["code"] == "model_not_found", came
    assert "X-Injected" not in came.head and str(attacked.home.path) not in came.body.decode()
    assert attacked.wire.get("/v1/models/" + quote(word, safe="")).status == 404


def test_names_that_are_there_still_answer(attacked: Attacked) -> None:
    for word in ("spam", "spam@1", "echo"):
        assert attacked.wire.chat(word).status == 200


def test_the_list_holds_no_path_and_no_digest_of_a_file(attacked: Attacked) -> None:
    listed = attacked.wire.get("/v1/models").body.decode()
    assert str(attacked.home.path) not in listed and "scripted:" not in listed and '"root"' not in listed
    assert {one["id"] for one in json.loads(listed)["data"]} >= {"spam", "echo", "spam@1"}


@pytest.mark.parametrize("word", [None, 1, 1.5, True, [], {}, ["spam"], {"id": "spam"}, ""])
def test_a_word_that_is_none(attacked: Attacked, word: object) -> None:
    came = attacked.wire.post({"model": word, "messages": [{"role": "user", "content": "hi"}]})
    assert came.status in (400, 404) and came.error
