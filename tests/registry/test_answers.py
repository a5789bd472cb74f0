from __future__ import annotations

import pytest

from rung.registry.home import Home
from rung.types import Answer


def test_answers_are_kept_by_the_batch(registry: Home) -> None:
    said = {f"e{i}": Answer(text=str(i), latency_s=0.25, logprobs={"a": -1.5}) for i in range(2_000)}
    registry.answers.store("c", said)
    assert registry.answers.load("c", [*said, "unknown"]) == said
    assert registry.answers.load("other", ["e1"]) == {}
    registry.answers.store("c", {"e1": Answer(text="again")})
    assert registry.answers.load("c", ["e1"]) == {"e1": Answer(text="again")}
    with pytest.raises(ValueError, match="JSON compliant"):
        registry.answers.store("c", {"e2": Answer(text="lost"), "e3": Answer(text="bad", latency_s=float("inf"))})
    assert registry.answers.load("c", ["e2"])["e2"].text == "2"


def test_what_is_forgotten_is_not_known_any_more(registry: Home) -> None:
    said = {f"e{i}": Answer(text=str(i)) for i in range(2_000)}
    registry.answers.store("c", said)
    registry.answers.store("other", {"e1": Answer(text="1")})
    registry.answers.forget("c", [f"e{i}" for i in range(1, 2_000)])
    assert registry.answers.load("c", list(said)) == {"e0": said["e0"]}
    assert registry.answers.load("other", ["e1"]) == {"e1": Answer(text="1")}
    registry.answers.forget("c", [])
