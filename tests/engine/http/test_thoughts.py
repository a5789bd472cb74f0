"""A model that thinks before it answers gets room for its thoughts; what a model never writes is not asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in import Server

from rung.engine.backend import Budget, Request
from rung.engine.bases.resolve import open_backend
from rung.engine.http.body import ROOM_FOR_THOUGHTS
from rung.engine.http.sending import Patience
from rung.engine.http.spending import BudgetSpent

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def backend(server: Server, home: Path, **more: Any) -> Any:
    made: Any = open_backend(f"{server.address}#tiny", home, prices=PRICES, **more)
    made.patience = Patience(attempts=2, first_wait_s=0.01, timeout_s=2.0)
    return made


def ask(text: str = "hi", tokens: int = 16) -> Request:
    return Request(messages=({"role": "user", "content": text},), max_tokens=tokens)


def limit_of(body: Any) -> int:
    limit: int = body.get("max_completion_tokens", body.get("max_tokens"))
    return limit


def thinker(needs: int, field: str = "reasoning_content") -> Any:
    """Thinks for `needs` tokens before it says a word."""

    def reply(body: Any) -> Any:
        limit = limit_of(body)
        done = limit > needs
        message = {"content": "Rome" if done else None, field: "hm"}
        usage = {"prompt_tokens": 10, "completion_tokens": min(limit, needs + 5)}
        return 200, {"choices": [{"message": message, "finish_reason": "stop" if done else "length"}], "usage": usage}, {}, 0

    return reply


def test_a_thought_that_the_limit_cut_off_has_another_try(server: Server, home: Path) -> None:
    server.script = [thinker(300)]
    made = backend(server, home)
    [said] = made.answer([ask()])
    assert (said.text, said.finish_reason) == ("Rome", "stop")
    assert [limit_of(body) for body in server.bodies] == [16, 16 + ROOM_FOR_THOUGHTS]
    assert said.cost_usd == pytest.approx((10 + 16 * 2 + 10 + 305 * 2) * 1e-6) == made.purse.budget.spent_usd
    made.answer([ask("and then?")])
    assert limit_of(server.bodies[-1]) == 16 + ROOM_FOR_THOUGHTS and len(server.bodies) == 3, "known from then on"


def test_a_thought_that_never_ends_is_no_answer(server: Server, home: Path) -> None:
    server.script = [thinker(10**6, "reasoning")]
    [said] = backend(server, home).answer([ask()])
    assert (said.text, said.finish_reason, said.fault) == ("<think>hm</think>", "length", "") and len(server.bodies) == 2


def test_a_model_that_does_not_think_keeps_its_limit(server: Server, home: Path) -> None:
    server.script = [(200, {"choices": [{"message": {"content": "half"}, "finish_reason": "length"}]}, {}, 0)]
    assert backend(server, home).answer([ask()])[0].text == "half" and len(server.bodies) == 1


def test_a_context_without_so_much_room_has_less_of_it(server: Server, home: Path) -> None:
    def narrow(body: Any) -> Any:
        if limit_of(body) > 3000:
            problem = f"maximum context length is 4096 tokens. However, you requested {limit_of(body) + 1096} tokens"
            return 400, {"error": {"message": problem}}, {}, 0
        return thinker(300)(body)

    server.script = [narrow]
    assert backend(server, home).answer([ask()])[0].text == "Rome"
    assert [limit_of(body) for body in server.bodies] == [16, 16 + 8192, 16 + 4096, 16 + 2048]


def test_the_budget_bounds_the_room(server: Server, home: Path) -> None:
    server.script = [thinker(300)]
    written: list[float] = []
    made = backend(server, home, budget=Budget(limit_usd=0.02, keep=written.append))
    made.answer([ask()])
    assert max(written) >= ROOM_FOR_THOUGHTS * 2e-6, "the second try was foreseen"
    with pytest.raises(BudgetSpent):
        backend(server, home, budget=Budget(limit_usd=0.01)).answer([ask()])


def test_no_more_tokens_are_asked_for_than_a_model_writes(server: Server, home: Path) -> None:
    def short(body: Any) -> Any:
        if limit_of(body) > 4096:
            problem = f"max_tokens is too large: {limit_of(body)}. This model supports at most 4096 completion tokens."
            return 400, {"error": {"message": problem, "param": "max_tokens"}}, {}, 0
        return thinker(5)(body)

    server.script = [short]
    made = backend(server, home)
    made.answer([ask(tokens=9000), ask("again", tokens=9000)])
    assert "max_tokens" in server.bodies[-1], "the field is known, only so much is not"
    made.answer([ask(tokens=9000)])
    assert limit_of(server.bodies[-1]) == 4096 and made.answer([ask()])[0].text == "Rome"


def test_a_limit_by_its_other_name(server: Server, home: Path) -> None:
    def new(body: Any) -> Any:
        if "max_tokens" in body:
            return 400, {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}, {}, 0
        if "temperature" in body:
            return 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.0 with this model."}}, {}, 0
        return thinker(300)(body)

    server.script = [new]
    assert backend(server, home).answer([ask()])[0].text == "Rome"
    assert server.bodies[-1]["max_completion_tokens"] == 16 + ROOM_FOR_THOUGHTS and "temperature" not in server.bodies[-1]
