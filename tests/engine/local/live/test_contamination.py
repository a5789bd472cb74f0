"""What is kept between questions is never met by one that it is not of: warm answers equal cold ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from oracle import LONG_SYSTEM, TEXTS, ask, random_adapter

from rung.engine.backend import AdapterUse, Request
from rung.engine.caller import Caller, Sampling
from rung.engine.live import Limits
from rung.engine.local.answering import Answering
from rung.parts import ChoiceConstraint
from rung.types import Answer

TOLD = Sampling(top_logprobs=2)


@pytest.fixture
def warm(live_tiny) -> Iterator:
    opened = Answering(live_tiny).live(Limits())
    yield opened
    opened.close()


def question(*uses: AdapterUse, tenant: str = "a", text: str = TEXTS[0], **settings) -> Request:
    return ask(text, system=LONG_SYSTEM, max_tokens=8, adapters=uses, caller=Caller(tenant=tenant, sampling=TOLD), **settings)


def said(answer: Answer) -> list[object]:
    return [answer.text, *(pytest.approx(one["logprob"], abs=1e-4) for one in answer.tokens)]


def cold(live_tiny, request: Request) -> list[object]:
    desk = Answering(live_tiny).live(Limits())
    found = said(desk.answer([request])[0])
    desk.close()
    return found


def held_to_cold_ones(live_tiny, warm, requests: Sequence[Request]) -> list[Answer]:
    """The warm answers, one after the other, each compared with what an engine says that has kept nothing."""
    found = []
    for request in requests:
        answer = warm.answer([request])[0]
        assert [answer.text, *(one["logprob"] for one in answer.tokens)] == cold(live_tiny, request)
        found.append(answer)
    return found


def test_the_same_folder_with_new_bytes_is_another_adapter(live_tiny, warm, tmp_path: Path, uses) -> None:
    alias = tmp_path / "live"
    shutil.copytree(uses[0].folder, alias)
    before = question(AdapterUse.of(alias))
    first = held_to_cold_ones(live_tiny, warm, [before, before])
    assert first[1].cached_tokens and not first[0].cached_tokens
    shutil.rmtree(alias)
    random_adapter(alias, live_tiny, seed=99, rank=2)
    after = held_to_cold_ones(live_tiny, warm, [question(AdapterUse.of(alias))])
    assert not after[0].cached_tokens and said(after[0]) != said(first[0])


def test_base_adapter_base(live_tiny, warm, uses) -> None:
    requests = [question(), question(uses[0]), question(), question(uses[1]), question(uses[0]), question()]
    found = held_to_cold_ones(live_tiny, warm, requests)
    assert [bool(answer.cached_tokens) for answer in found] == [False, False, True, False, True, True]
    assert len({answer.text for answer in found}) > 1


def test_nobody_meets_what_another_tenant_left(live_tiny, warm, tmp_path: Path, uses) -> None:
    """Neither their words, nor their adapters of the same name, nor a sign that they have asked."""
    mine, theirs = tmp_path / "a" / "legal", tmp_path / "b" / "legal"
    shutil.copytree(uses[0].folder, mine)
    shutil.copytree(uses[1].folder, theirs)
    requests = [
        question(AdapterUse.of(mine)),
        question(AdapterUse.of(theirs), tenant="b"),
        question(AdapterUse.of(mine), tenant="b"),
        question(tenant="a"),
        question(tenant="b"),
        question(tenant=""),
        question(AdapterUse.of(mine)),
    ]
    found = held_to_cold_ones(live_tiny, warm, requests)
    assert [bool(answer.cached_tokens) for answer in found] == [False] * 6 + [True]


def test_a_candidates_own_beginning_is_kept_for_each_tenant_by_itself(live_tiny, warm) -> None:
    shown = [{"role": role, "content": text} for text in TEXTS for role in ("user", "assistant")]
    turns = [{"role": "system", "content": LONG_SYSTEM * 3}, *shown]

    def asks(tenant: str, text: str) -> Request:
        caller = Caller(tenant=tenant, sampling=TOLD)
        return Request(messages=(*turns, {"role": "user", "content": text}), shared=len(turns), max_tokens=6, caller=caller)

    requests = [asks(tenant, text) for tenant in ("a", "b") for text in TEXTS[:3]]
    found = held_to_cold_ones(live_tiny, warm, requests)
    assert [bool(answer.cached_tokens) for answer in found] == [False, True, True] * 2
    assert min(answer.cached_tokens for answer in found if answer.cached_tokens) >= 256


def test_a_stack_of_other_weights_is_another_stack(live_tiny, warm, uses) -> None:
    def stack(first: float, second: float) -> Request:
        return question(replace(uses[0], weight=first), replace(uses[1], weight=second))

    turned = question(replace(uses[1], weight=0.5), replace(uses[0], weight=1.0))
    requests = [stack(1.0, 0.5), stack(0.5, 1.0), stack(1.0, 0.25), question(uses[0]), stack(1.0, 0.5), turned]
    found = held_to_cold_ones(live_tiny, warm, requests)
    assert [bool(answer.cached_tokens) for answer in found] == [False, False, False, False, True, True]


def test_adapters_that_were_put_out_and_read_again_say_the_same(live_tiny, uses) -> None:
    """Room for one adapter alone: each question reads its own anew."""
    desk = Answering(live_tiny).live(Limits(warm_bytes=1, known_bytes=1 << 20))
    requests = [question(uses[place], text=text) for text in TEXTS[:2] for place in (0, 1, 2, 0)]
    held_to_cold_ones(live_tiny, desk, requests)
    figures = desk.figures()
    assert figures.adapters == 1 and figures.evictions == figures.misses - 1 == 6
    assert 0 < figures.known_bytes <= 1 << 20
    desk.close()


def test_a_conversation_goes_on_where_it_was_left(live_tiny, warm, uses) -> None:
    turns, known = [{"role": "user", "content": TEXTS[2]}], 0
    for text in (TEXTS[0], TEXTS[4], TEXTS[1]):
        request = Request(messages=tuple(turns), max_tokens=9, adapters=(uses[0],), caller=Caller(tenant="a", sampling=TOLD))
        [answer] = held_to_cold_ones(live_tiny, warm, [request])
        assert (answer.cached_tokens or 0) > known or len(turns) == 1
        known = answer.cached_tokens or 0
        turns += [{"role": "assistant", "content": answer.text}, {"role": "user", "content": text}]


def test_choices_behind_what_is_known_are_scored_alike(live_tiny, warm, uses) -> None:
    for choices in (("positive", "negative"), ("my order", "my card", "my phone")):
        request = replace(question(uses[0]), constraint=ChoiceConstraint(choices=choices))
        first, again = (warm.answer([request])[0] for _ in range(2))
        desk = Answering(live_tiny).live(Limits())
        fresh = desk.answer([request])[0]
        desk.close()
        assert again.cached_tokens and first.logprobs == pytest.approx(fresh.logprobs, abs=1e-4)
        assert again.logprobs == pytest.approx(fresh.logprobs, abs=1e-4)
