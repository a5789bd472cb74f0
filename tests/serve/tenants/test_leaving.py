"""Who leaves before an answer is whole has taken what was made of it: no quota is passed by leaving early."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asking import asked
from serving_home import linear_base, register

from rung.engine.caller import Gone, Late, Piece
from rung.registry.home import Home
from rung.serve import door as doors
from rung.serve.idle import NoQuotas
from rung.serve.opening import Settings, open_door
from rung.serve.types import Outcome, Refused, Tenant
from rung.types import Answer, Candidate

pytestmark = pytest.mark.sqlite


class Counting(NoQuotas):
    def __init__(self) -> None:
        self.settled: list[Answer | None] = []

    def admit(self, tenant: Tenant, *, prompt_tokens: int, max_tokens: int) -> Counting:  # type: ignore[override]
        return self

    def settle(self, answer: Answer | None) -> None:
        self.settled.append(answer)


@pytest.mark.parametrize(("error", "completion"), [(Gone("left"), None), (Late("late"), 0)])
def test_what_nobody_heard_counts_as_put_aside_or_as_its_question(registry: Home, error: Exception, completion: int | None) -> None:
    register(registry, "spam", Candidate(rung="r0_linear", base=linear_base(registry)))
    quotas = Counting()
    door = replace(open_door(registry, Settings()), quotas=quotas)

    def work(_: object) -> Answer:
        raise error

    with pytest.raises(Refused):
        door.worked(asked(), work)
    (took,) = quotas.settled
    assert took is not None
    assert (took.completion_tokens, took.prompt_tokens) == (completion, 10)
    row = registry.served.get("chatcmpl-1")
    assert row is not None
    assert row.ending == ("gone" if completion is None else "late")
    door.close()


def test_what_was_heard_counts_and_a_refusal_takes_nothing() -> None:
    pieces: list[Piece] = []
    heard = doors._Heard(pieces.append)
    for text in ("four", "é" * 3):
        heard.hears(Piece(text=text))
    left = Outcome(ending="gone", status=499)
    took = heard.left_behind(asked(), left)
    assert took is not None
    assert took.completion_tokens == 3
    assert len(pieces) == 2
    assert heard.left_behind(asked(), replace(left, ending="refused")) is None
