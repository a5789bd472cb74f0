"""How long servers ask to be left alone, in the ways in which they say it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from rung.engine.http.rate import asked_to_wait, retry_after, spent_for


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"retry-after": "20"}, "", 20),
        ({"retry-after": "0.25"}, "", 0.25),
        ({"retry-after": "20", "retry-after-ms": "350"}, "", 0.35),
        ({"retry-after": "-3"}, "", 0),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "1h30m"}, "", 5400),
        ({"retry-after": "soon"}, "", None),
        ({}, "Rate limit reached for requests per min. Please try again in 1.2s. Visit https://a.example", 1.2),
        ({}, "Please try again in 7m12s.", 432),
        ({}, "please try again in 820ms", 0.82),
        ({}, "Requests have exceeded the call rate limit. Please retry after 20 seconds.", 20),
        ({}, "Try again after 2 minutes", 120),
        ({}, "Try again later", None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "8.64s"}, "slow down", 8.64),
        ({"x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "8.64s"}, "slow down", None),
        (
            {
                "x-ratelimit-remaining-requests": "4",
                "x-ratelimit-reset-requests": "1h",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            "slow down",
            360,
        ),
        ({"retry-after": "2", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "59s"}, "slow down", 2),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, "slow down", 12),
    ],
)
def test_what_is_asked(headers: dict[str, str], text: str, seconds: float | None) -> None:
    assert asked_to_wait(headers, text) == (None if seconds is None else pytest.approx(seconds))


def test_moments_of_every_kind() -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)
    for said in (
        str(int(time.time() + 30)),
        str(int((time.time() + 30) * 1000)),
        later.isoformat(),
        later.strftime("%Y-%m-%dT%H:%M:%SZ"),
    ):
        waited = asked_to_wait({"x-ratelimit-remaining": "0", "x-ratelimit-reset": said}, "no more")
        assert waited is not None and 27 < waited <= 30.5, said
    waited = retry_after(format_datetime(later, usegmt=True))
    assert waited is not None and 27 < waited <= 30.5
    anthropic = {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": later.isoformat()}
    waited = asked_to_wait(anthropic, "no more")
    assert waited is not None and 27 < waited <= 30.5


@pytest.mark.parametrize(
    ("headers", "usage", "seconds"),
    [
        ({}, None, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, None, 0.12),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "120ms"}, None, 0),
        ({"x-ratelimit-remaining-tokens": "90", "x-ratelimit-reset-tokens": "3s"}, {"total_tokens": 110}, 3),
        ({"x-ratelimit-remaining-tokens": "111", "x-ratelimit-reset-tokens": "3s"}, {"total_tokens": 110}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "23h"}, None, 60),
        ({"x-ratelimit-remaining-requests": "0"}, None, 0),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "never"}, {"total_tokens": True}, 0),
    ],
)
def test_what_an_answer_says_of_the_next(headers: dict[str, str], usage: dict | None, seconds: float) -> None:
    assert spent_for(headers, {"usage": usage}) == pytest.approx(seconds)
