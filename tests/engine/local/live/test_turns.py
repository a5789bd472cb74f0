"""Whose turn it is on an engine: long prompts stall nobody, tenants take turns, what is too much is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from live_oracle import Hearing, at_once
from oracle import LONG_SYSTEM, TEXTS, ask

from rung.engine.caller import Caller, Full, Gone, Sampling
from rung.engine.live import Limits
from rung.engine.local.answering import Answering
from rung.engine.local.batch import Batch
from rung.engine.local.plain_loading import load_plain
from rung.parts import ChoiceConstraint, SchemaConstraint


class Passes:
    """Counts the tokens of every pass, and holds the first until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.sizes = threading.Event(), list[int]()
        real = Batch.step

        def step(batch: Batch):
            self.go.wait(timeout=30)
            made = real(batch)
            self.sizes.append(sum(row.read for block in batch._blocks for row in block.rows))
            return made

        monkeypatch.setattr(Batch, "step", step)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    return Passes(monkeypatch)


def asked(desk, requests) -> tuple[list[threading.Thread], list]:
    found: list = [None] * len(requests)

    def wait(place: int) -> None:
        try:
            found[place] = desk.answer([requests[place]])[0]
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=wait, args=(place,)) for place in range(len(requests))]
    for thread in threads:
        thread.start()
    return threads, found


def until(what) -> None:
    ends = time.monotonic() + 30
    while not what() and time.monotonic() < ends:
        time.sleep(0.002)
    assert what()


def test_a_long_prompt_is_read_in_parts_while_others_are_told_their_tokens(live_tiny, passes: Passes) -> None:
    desk = Answering(live_tiny).live(Limits(pass_tokens=32))
    short, long = Hearing(), Hearing()
    requests = [
        ask(TEXTS[1], max_tokens=40, caller=Caller(tenant="a", hear=short)),
        ask(TEXTS[0], system=LONG_SYSTEM * 6, max_tokens=3, caller=Caller(tenant="b", hear=long)),
    ]
    threads, found = asked(desk, requests)
    until(lambda: desk.figures().waiting + desk.figures().rows == 2)
    passes.go.set()
    for thread in threads:
        thread.join()
    grown = [after - before for before, after in zip(passes.sizes, passes.sizes[1:], strict=False)]
    assert max(grown) <= 32, "no pass reads more of a prompt than that"
    assert found[0].text == short.text and found[1].text == long.text
    assert [answer.text for answer in found] == [
        Answering(live_tiny).answer([replace(one, caller=None)])[0].text for one in requests
    ]
    desk.close()


def test_a_flood_of_one_tenant_does_not_keep_another_waiting(live_tiny, passes: Passes) -> None:
    desk = Answering(live_tiny).live(Limits(rows=4))
    order: list[str] = []
    flood = [ask(TEXTS[n % 5], max_tokens=30, caller=Caller(tenant="a", hear=lambda _piece: order.append("a"))) for n in range(12)]
    threads, _ = asked(desk, flood)
    until(lambda: desk.figures().waiting + desk.figures().rows == 12)
    more, _ = asked(desk, [ask(TEXTS[0], max_tokens=2, caller=Caller(tenant="b", hear=lambda _piece: order.append("b")))])
    until(lambda: desk.figures().waiting + desk.figures().rows == 13)
    passes.go.set()
    for thread in [*threads, *more]:
        thread.join()
    # The four that had places are told a token or two; nobody else of the flood comes before.
    assert order.index("b") <= 3 * 4
    desk.close()


def test_what_is_too_much_is_refused_with_a_time_and_the_rest_is_answered(live_tiny, passes: Passes) -> None:
    desk = Answering(live_tiny).live(Limits(rows=2, waiting=6, waiting_each=3))
    threads, found = asked(desk, [ask(TEXTS[0], max_tokens=4, caller=Caller(tenant="a")) for _ in range(9)])
    until(lambda: desk.figures().full > 0)
    other, said = asked(desk, [ask(TEXTS[1], max_tokens=4, caller=Caller(tenant="b"))])
    until(lambda: desk.figures().waiting > 0)
    passes.go.set()
    for thread in [*threads, *other]:
        thread.join()
    full = [one for one in found if isinstance(one, Full)]
    assert full and all(one.retry_after_s >= 1 for one in full) and desk.figures().full == len(full)
    assert all(one.text for one in [*found, *said] if not isinstance(one, Full)) and not isinstance(said[0], Full)
    desk.close()


def test_one_that_waits_and_leaves_or_is_closed_upon_is_told_so(live_tiny, passes: Passes) -> None:
    desk = Answering(live_tiny).live(Limits(rows=1))
    callers = [Caller(tenant=f"t{place}") for place in range(3)]
    threads, found = asked(desk, [ask(TEXTS[0], max_tokens=400, caller=caller) for caller in callers])
    until(lambda: desk.figures().waiting + desk.figures().rows == 3)
    callers[2].gone.set()
    passes.go.set()
    until(lambda: desk.figures().gone == 1)
    desk.close()
    for thread in threads:
        thread.join()
    assert all(isinstance(one, Gone) for one in found)


def test_questions_that_begin_alike_are_read_once(live_tiny, passes: Passes) -> None:
    desk = Answering(live_tiny).live(Limits(rows=8))
    callers = [Caller(tenant="a", sampling=Sampling(temperature=0.8, seed=seed)) for seed in range(4)]
    requests = [ask(TEXTS[0], system=LONG_SYSTEM, max_tokens=4, caller=caller) for caller in callers]
    threads, found = asked(desk, requests)
    until(lambda: desk.figures().waiting + desk.figures().rows == 4)
    passes.go.set()
    for thread in threads:
        thread.join()
    known = sorted(answer.cached_tokens for answer in found)
    assert known[0] == 0 and known[1] > 60, "three of them waited for the fourth's prompt"
    desk.close()


@pytest.fixture(scope="module")
def plain_desk(live_tiny) -> Iterator:
    decoder = load_plain(live_tiny.folder, torch.float32, torch.device("cpu"))
    opened = Answering(replace(live_tiny, decoder=decoder)).live(Limits())
    yield opened
    opened.close()


BOOLEANS = SchemaConstraint(schema={"type": "array", "items": {"type": "boolean"}, "maxItems": 3})


def test_a_base_that_only_its_own_code_computes_answers_one_after_the_other(plain_desk, live_tiny, uses) -> None:
    hearing = Hearing()
    requests = [
        ask(TEXTS[0], max_tokens=8, caller=Caller(hear=hearing, sampling=Sampling(top_logprobs=2))),
        ask(TEXTS[1], max_tokens=6, adapters=(uses[0],)),
        ask(TEXTS[2], constraint=ChoiceConstraint(choices=("my order", "my card", "positive"))),
        ask(
            TEXTS[3],
            constraint=SchemaConstraint(schema={"type": "array", "items": {"type": "boolean"}, "maxItems": 3}),
            max_tokens=9,
        ),
    ]
    found = at_once(plain_desk, requests)
    for request, said in zip(requests, found, strict=True):
        assert not isinstance(said, BaseException), said
        alone = Answering(live_tiny).answer([replace(request, caller=None)])[0]
        assert (said.text, said.finish_reason) == (alone.text, alone.finish_reason)
        assert said.logprobs == (pytest.approx(alone.logprobs, abs=1e-4) if alone.logprobs else None)
    assert hearing.text == found[0].text and len(hearing.pieces) > 1 and len(found[0].tokens) >= 7


def test_who_leaves_a_plain_base_ends_its_run(plain_desk) -> None:
    gone = threading.Event()
    caller = Caller(hear=lambda _piece: gone.set(), gone=gone)
    with pytest.raises(Gone):
        plain_desk.answer([ask(TEXTS[0], max_tokens=1500, caller=caller)])
    assert plain_desk.answer([ask(TEXTS[0], max_tokens=2)])[0].text
