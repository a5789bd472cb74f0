"""Many questions to one server: none waits for another's end, each is put aside for before it is asked, and kept when it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import Recorded, error
from stand_in import Server, completion

from rung.engine.backend import Budget, Request, ServerUse
from rung.engine.backends.openai_http import OpenAIHTTP
from rung.engine.bases.resolve import open_backend
from rung.engine.http.sending import Patience
from rung.engine.http.spending import BudgetSpent
from rung.errors import BrokenEnvironment
from rung.types import Answer

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
COST = 120e-6
QUICK = Patience(attempts=3, first_wait_s=0.01, timeout_s=1.0, away_s=5.0)


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def opened(server: Server, home: Path, budget: Budget | None = None, in_flight: int | None = None) -> OpenAIHTTP:
    made = open_backend(f"{server.address}#smol", home, prices=PRICES, budget=budget, use=ServerUse(in_flight=in_flight))
    assert isinstance(made, OpenAIHTTP)
    made.patience = QUICK
    return made


def ask(text: str = "hi") -> Request:
    return Request(messages=({"role": "user", "content": text},), max_tokens=10)


def last(body: dict) -> str:
    return str(body["messages"][-1]["content"])


class Kept(dict[int, Answer]):
    """What was kept, and in how many goes."""

    def __init__(self) -> None:
        self.goes: list[int] = []

    def keep(self, answers: Mapping[int, Answer]) -> None:
        assert not set(self) & set(answers), "nothing is told twice"
        self.update(answers)
        self.goes.append(len(answers))


def test_the_slowest_holds_nobody_up(server: Server, home: Path) -> None:
    """One answer is not there before all others have been asked: they do not wait for it."""

    def answer(body: dict) -> tuple:
        until = time.monotonic() + 20
        while last(body) == "0" and len(server.bodies) < 120 and time.monotonic() < until:
            time.sleep(0.005)
        return 200, completion(last(body)), {}, 0

    server.script = [answer]
    kept = Kept()
    backend = opened(server, home, in_flight=4)
    backend.patience = replace(QUICK, timeout_s=30.0)
    said = backend.answer_each([ask(str(place)) for place in range(120)], kept.keep)
    assert [one.text for one in said] == [str(place) for place in range(120)] and len(kept) == 120
    assert list(kept).index(0) > 100


def test_requests_are_made_as_there_is_room(server: Server, home: Path) -> None:
    made: list[int] = []

    class Slowly(list[Request]):
        def __getitem__(self, place: int) -> Request:  # type: ignore[override]
            made.append(place)
            return super().__getitem__(place)

    def first(body: dict) -> tuple:
        if last(body) == "0":
            made_then.append(len(made))
        return 200, completion("x"), {}, 0.01

    made_then: list[int] = []
    server.script = [first]
    opened(server, home, in_flight=2).answer(Slowly(ask(str(place)) for place in range(50)))
    assert made == list(range(50)), "each once, in order"
    assert made_then[0] <= 5


def test_no_more_under_way_than_there_are_places_and_what_stands_ready(server: Server, home: Path) -> None:
    inside, most, lock = [0], [0], threading.Lock()

    def answer(_body: dict) -> tuple:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.005)
        with lock:
            inside[0] -= 1
        return 200, completion("x"), {}, 0

    server.script = [answer]
    opened(server, home, in_flight=3).answer([ask(str(place)) for place in range(60)])
    assert most[0] <= 3


def test_connections_are_kept_between_calls(server: Server, home: Path) -> None:
    server.script = [(200, completion("x"), {}, 0)]
    backend = opened(server, home)
    backend.answer([ask()])
    line = backend._open
    backend.answer([ask(), ask()])
    assert backend._open is line and line is not None


def test_the_total_is_written_before_a_question_goes_out_and_with_its_answer(server: Server, home: Path) -> None:
    """At each moment no more has been billed than stands written, and at the end exactly what was."""
    written, billed, lock, wrong = [0.0], [0.0], threading.Lock(), []

    def answer(_body: dict) -> tuple:
        with lock:
            billed[0] += COST
            if billed[0] > written[-1] + 1e-12:
                wrong.append((billed[0], written[-1]))
        return 200, completion("x"), {}, 0.002

    server.script = [answer]
    budget = Budget(limit_usd=1.0, keep=written.append)
    opened(server, home, budget).answer([ask(f"{place} " * 40) for place in range(80)])
    assert not wrong
    assert written[-1] == pytest.approx(80 * COST) and budget.lost_usd == 0


def test_what_a_server_adds_to_a_question_is_learnt(server: Server, home: Path) -> None:
    """It counts 100 tokens where some 40 bytes were sent: from the first answer on each question is put aside for in full."""
    backend = opened(server, home, Budget(limit_usd=1.0))
    before = backend.purse.most(backend._body(ask()))
    backend.answer([ask()] * 3)
    assert before < COST <= backend.purse.most(backend._body(ask())) < 2 * COST


def test_an_answer_that_was_lost_counts_at_its_most(server: Server, home: Path) -> None:
    """A line that drops, or an answer that comes too late, may have been billed: nobody can know."""
    tries: dict[str, int] = {}

    def answer(body: dict) -> tuple:
        name = last(body).split()[0]
        tries[name] = tries.get(name, 0) + 1
        late, cut = (name == which and tries[name] == 1 for which in ("late", "cut"))
        return 200, (b'{"choices": [{"mess' if cut else completion("x")), {}, 1.3 if late else 0.0

    server.script = [answer]
    budget = Budget(limit_usd=1.0)
    backend = opened(server, home, budget)
    said = backend.answer([ask("fine " * 40), ask("late " * 40), ask("cut " * 40)])
    assert [one.text for one in said] == ["x"] * 3 and sum(one.cost_usd or 0 for one in said) == pytest.approx(3 * COST)
    most = [backend.purse.most(body) for body in server.bodies if last(body).split()[0] in ("late", "cut")]
    assert budget.lost_usd == pytest.approx(sum(most) / 2)
    assert budget.spent_usd == pytest.approx(3 * COST + budget.lost_usd)


def test_refusals_and_failures_cost_nothing(server: Server, home: Path) -> None:
    tries: dict[str, int] = {}

    def answer(body: dict) -> tuple:
        tries[last(body)] = tries.get(last(body), 0) + 1
        if tries[last(body)] > 1:
            return 200, completion("x"), {}, 0
        return error("slow down", 429) if last(body) == "a" else error("oops", 500)

    server.script = [answer]
    budget = Budget(limit_usd=1.0)
    opened(server, home, budget).answer([ask("a"), ask("b")])
    assert budget.lost_usd == 0 and budget.spent_usd == pytest.approx(2 * COST)


def test_near_its_end_a_budget_is_waited_for(server: Server, home: Path) -> None:
    """The most that answers can cost is several times what they do: the next waits until those under way have come."""
    server.script = [(200, completion("x"), {}, 0.002)]
    probe = opened(server, home, Budget(limit_usd=1.0))
    request = Request(messages=({"role": "user", "content": "hi"},), max_tokens=1000)
    most = probe.purse.most(probe._body(request))
    assert most > 10 * COST
    budget = Budget(limit_usd=most + 30 * COST)
    kept = Kept()
    backend = opened(server, home, budget)
    with pytest.raises(BudgetSpent):
        backend.answer_each([request] * 60, kept.keep)
    assert 30 <= len(kept) <= 31 and budget.spent_usd == pytest.approx(len(kept) * COST)


def test_what_cannot_be_kept_ends_it_and_is_told_once_more(server: Server, home: Path) -> None:
    kept, full = Kept(), [True]

    def keep(answers: Mapping[int, Answer]) -> None:
        if full.pop() if full else False:
            raise OSError("no room on the disk")
        kept.update(answers)

    with pytest.raises(OSError, match="no room"):
        opened(server, home, in_flight=2).answer_each([ask(str(place)) for place in range(40)], keep)
    assert len(kept) == len(server.bodies) < 40


def test_a_refused_question_has_its_turn_while_others_are_answered(server: Server, home: Path) -> None:
    """Refused more often than patience has attempts; the server answers others all the while."""
    refused = [0]

    def answer(body: dict) -> tuple:
        if last(body) == "unlucky" and refused[0] < 2 * QUICK.attempts:
            refused[0] += 1
            return (*error("slow down", 429)[:2], {"Retry-After": "0.01"}, 0)
        return 200, completion("x"), {}, 0.01

    server.script = [answer]
    said = opened(server, home).answer([ask("unlucky"), *(ask(str(place)) for place in range(60))])
    assert {one.text for one in said} == {"x"} and refused[0] == 2 * QUICK.attempts


def test_what_a_server_asks_holds_for_all(server: Server, home: Path) -> None:
    """Once one was refused, nobody begins until the server said."""
    told: list[float] = []

    def answer(_body: dict) -> tuple:
        if len(server.times) == 8:
            told.append(server.times[-1])
            return (*error("slow down", 429)[:2], {"Retry-After": "0.4"}, 0)
        return 200, completion("x"), {}, 0.01

    server.script = [answer]
    opened(server, home, in_flight=2).answer([ask(str(place)) for place in range(20)])
    early = [moment - told[0] for moment in server.times if 0.05 < moment - told[0] < 0.38]
    assert not early, early


def test_a_server_that_asks_to_wait_for_hours_is_not_waited_for(home: Path) -> None:
    server = Recorded(lambda _body: (*error("daily limit", 429)[:2], {"Retry-After": "7200"}, 0)).start()
    try:
        with pytest.raises(BrokenEnvironment, match=r"asks to wait 120 minutes"):
            opened(server, home).answer([ask()])
        assert len(server.bodies) == 1
    finally:
        server.http.shutdown()
        server.http.server_close()


def test_spent_limits_are_heeded_before_they_refuse(server: Server, home: Path) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}
    server.script = [(200, completion("x"), headers, 0), (200, completion("x"), {}, 0)]
    opened(server, home, in_flight=1).answer([ask("a"), ask("b")])
    assert server.times[1] - server.times[0] >= 0.29
