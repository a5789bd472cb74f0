"""What a person writes for a tenant's settings, and what is refused of it with a way out."""

from __future__ import annotations

import pytest

from rung.errors import UserError
from rung.json_form import from_json
from rung.registry.scopes import Scope, changed, read_words, told


def test_words_become_settings_and_what_is_not_said_stays() -> None:
    first = changed(Scope(), read_words(["models=spam,legal-*", "requests-per-minute=1_000", "tools=none"]))
    assert (first.models, first.requests_per_minute, first.tools) == (("spam", "legal-*"), 1000, ())
    second = changed(first, read_words(["requests_per_minute=none", "at_once=3"]))
    assert (second.models, second.requests_per_minute, second.at_once) == (("spam", "legal-*"), None, 3)
    assert from_json(Scope, told(second)) == second
    assert told(Scope()) == {}


def test_whether_there_is_a_budget() -> None:
    assert not changed(Scope(), {"tokens_per_minute": 5}).has_budget
    assert changed(Scope(), {"tokens_per_month": 5}).has_budget


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["modles=spam"], "Did you mean 'models'"),
        (["models"], "is no setting"),
        (["at_once=1", "at_once=2"], "said twice"),
        (["at_once=0"], "at_once cannot be '0'"),
        (["at_once=-3"], "at_once cannot be '-3'"),
        (["at_once=2.5"], "at_once cannot be '2.5'"),
        (["requests_per_minute=lots"], "requests_per_minute cannot be 'lots'"),
        (["tokens_per_day=1e999"], "tokens_per_day cannot be"),
        (["usd_per_day=nan", "usd_per_million_tokens=1"], "usd_per_day cannot be 'nan'"),
        (["usd_per_day=inf", "usd_per_million_tokens=1"], "usd_per_day cannot be 'inf'"),
        (["usd_per_day=5"], "a budget in dollars needs a price"),
        (["usd_per_month=5"], "a budget in dollars needs a price"),
        (["models="], "is no pattern of models"),
        (["models=a,,b"], "is no pattern of models"),
        (["models=a b"], "is no pattern of models"),
        (["models=a\u202eb"], "is no pattern of models"),
        (["models=" + "x" * 201], "is no pattern of models"),
    ],
)
def test_a_setting_that_will_not_do_is_refused_with_a_way_out(words: list[str], why: str) -> None:
    with pytest.raises(UserError, match=why):
        changed(Scope(), read_words(words))


@pytest.mark.parametrize(
    "said", [{"at_once": True}, {"at_once": "3"}, {"usd_per_day": "5"}, {"models": [3]}, {"models": [["a"]]}, {"x": 1}]
)
def test_json_of_another_kind_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(UserError):
        changed(Scope(usd_per_million_tokens=1.0), said)
