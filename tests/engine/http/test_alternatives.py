"""Log-probabilities of choices, read off the alternatives to the tokens of the one that was answered."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rung.engine.http.alternatives import choice_logprobs


def told(*tokens: tuple[str, dict[str, float]], with_bytes: bool = True) -> dict[str, Any]:
    """A choice whose tokens came with these probabilities of what could have stood there, the token's own among them."""

    def entry(text: str, p: float) -> dict[str, Any]:
        return {"token": text, "logprob": math.log(p)} | ({"bytes": list(text.encode())} if with_bytes else {})

    content = [
        entry(text, others[text]) | {"top_logprobs": [entry(other, p) for other, p in others.items()]} for text, others in tokens
    ]
    return {"logprobs": {"content": content}}


def chances(found: dict[str, float] | None) -> dict[str, float] | None:
    return {name: round(math.exp(logprob), 6) for name, logprob in found.items()} if found else None


def test_they_part_at_the_first_token() -> None:
    choice = told(("glad", {"glad": 0.6, "sad": 0.3, "Well": 0.1}))
    assert chances(choice_logprobs(choice, "glad", ["sad", "glad"])) == {"sad": 0.3, "glad": 0.6}


def test_they_part_later_and_the_way_counts() -> None:
    choice = told(("card", {"card": 0.8, "cash": 0.2}), ("_lost", {"_lost": 0.75, "_stolen": 0.25}))
    found = chances(choice_logprobs(choice, "card_lost", ["card_lost", "card_stolen", "cash"]))
    assert found == {"card_lost": 0.6, "card_stolen": 0.2, "cash": 0.2}


def test_tokens_of_one_choice_are_added_up() -> None:
    choice = told(("gl", {"gl": 0.5, "s": 0.1, "sa": 0.1, "sad": 0.2}), ("ad", {"ad": 1.0}))
    assert chances(choice_logprobs(choice, "glad", ["glad", "sad"])) == {"glad": 0.5, "sad": 0.4}


@pytest.mark.parametrize("lead", ['{"answer": "', '{\n "answer":\n\n"', '{"answer":"'])
def test_within_an_object(lead: str) -> None:
    """A choice that begins another one ends with its mark; tokens go over both ends."""
    whole = lead.removesuffix('"')
    choice = told((whole, {whole: 1.0}), ('"no', {'"no': 0.9, '"yes': 0.1}), ('"}', {'"}': 0.7, "t": 0.3}))
    assert chances(choice_logprobs(choice, "no", ["no", "not sure", "yes"])) == {"no": 0.63, "not sure": 0.27, "yes": 0.1}


def test_a_label_in_another_script_by_its_bytes() -> None:
    choice = told(("好", {"好": 0.7, "坏": 0.3}))
    assert chances(choice_logprobs(choice, "好", ["好", "坏"])) == {"好": 0.7, "坏": 0.3}


def test_one_that_is_not_told_has_at_most_the_least_that_is() -> None:
    choice = told(("a", {"a": 0.9, "x": 0.05, "y": 0.02}))
    assert chances(choice_logprobs(choice, "a", ["a", "b"])) == {"a": 0.9, "b": 0.02}


@pytest.mark.parametrize(
    ("choice", "said", "choices"),
    [
        (told(("b", {"b": 0.01, "Sure": 0.9, "I": 0.09})), "b", ["b", "c"]),
        (told(("cash", {"cash": 0.7, "card": 0.3})), "cash", ["cash", "card_lost", "card_stolen"]),
        (told(("no", {"no": 0.7, "yes": 0.3})), "no", ["no", "not sure"]),
        (told(("I", {"I": 1.0}), (" think", {" think": 1.0})), "glad", ["glad", "sad"]),
        (told(("glad", {"glad": 1.0})), "happy", ["glad", "sad"]),
        ({"logprobs": None}, "glad", ["glad", "sad"]),
        ({"logprobs": {"content": []}}, "glad", ["glad", "sad"]),
        ({"logprobs": {"content": [{"token": "glad"}]}}, "glad", ["glad", "sad"]),
        ({"logprobs": {"tokens": ["glad"]}}, "glad", ["glad", "sad"]),
        ({}, "glad", ["glad", "sad"]),
    ],
    ids=["own too rare", "two share a token", "not told to the end", "not said", "no choice", *"abcde"],
)
def test_what_does_not_tell_them_apart_is_not_known(choice: dict[str, Any], said: str, choices: list[str]) -> None:
    assert choice_logprobs(choice, said, choices) is None


def test_after_a_thought() -> None:
    choice = told(("<think>glad?</think>", {"<think>glad?</think>": 1.0}), ("glad", {"glad": 0.8, "sad": 0.2}))
    assert chances(choice_logprobs(choice, "glad", ["glad", "sad"])) == {"glad": 0.8, "sad": 0.2}
