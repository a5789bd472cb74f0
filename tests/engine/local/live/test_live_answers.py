"""Questions of many threads in one batch: each is answered as evaluation answers it, and told as it is made."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from live_oracle import Hearing, at_once
from oracle import LONG_SYSTEM, TEXTS, ask

from rung.engine.backend import AdapterUse
from rung.engine.caller import Caller, Gone, Late, Sampling
from rung.engine.live import Limits
from rung.engine.local.answering import Answering
from rung.parts import ChoiceConstraint, SchemaConstraint

CHOICES = (ChoiceConstraint(choices=("positive", "negative")), ChoiceConstraint(choices=("my order", "my card", "positive")))
SCHEMA = SchemaConstraint(schema={"type": "array", "items": {"type": "boolean"}, "maxItems": 4})


def mixture(uses: list[AdapterUse]):
    """Free answers, drawn ones, choices and forms, of several tenants, adapters and weighted stacks."""
    stacks = [(), (uses[0],), (uses[1],), (replace(uses[0], weight=0.5), uses[2]), (replace(uses[3], weight=-0.7),)]
    for index, text in enumerate(TEXTS * 5):
        constraint = (None, CHOICES[0], None, SCHEMA, CHOICES[1])[index % 5 if index % 7 else 0]
        system = LONG_SYSTEM if index % 3 == 0 else ""
        sampling = Sampling(temperature=0.9 if index % 4 == 1 else 0.0, top_p=0.9, seed=index)
        request = ask(text, system=system, max_tokens=5 + index % 9, constraint=constraint, adapters=stacks[(index * 3) % 5])
        drawn = replace(request, temperature=sampling.temperature, top_p=sampling.top_p, seed=sampling.seed)
        yield drawn, replace(request, caller=Caller(tenant=f"t{index % 3}", sampling=sampling, hear=Hearing()))


def test_many_threads_are_answered_as_evaluation_answers(desk, live_tiny, uses: list[AdapterUse]) -> None:
    pairs = list(mixture(uses))
    found = at_once(desk, [live for _, live in pairs])
    for (evaluated, live), said in zip(pairs, found, strict=True):
        assert not isinstance(said, BaseException), said
        alone = Answering(live_tiny).answer([evaluated])[0]
        assert (said.text, said.finish_reason, said.completion_tokens) == (alone.text, alone.finish_reason, alone.completion_tokens)
        assert said.prompt_tokens == alone.prompt_tokens
        assert said.logprobs == (pytest.approx(alone.logprobs, abs=1e-4) if alone.logprobs else None)
        assert live.caller.hear.text == said.text
    figures = desk.figures()
    assert figures.answered == len(pairs) and figures.rows == figures.waiting == 0 and figures.known_tokens > 0


def test_a_request_without_a_caller_is_answered_too(desk, live_tiny) -> None:
    requests = [ask(text, max_tokens=6) for text in TEXTS]
    assert [a.text for a in desk.answer(requests)] == [a.text for a in Answering(live_tiny).answer(requests)]


def test_a_stop_ends_the_answer_before_it_and_is_never_told(desk) -> None:
    whole = desk.answer([ask(TEXTS[0], max_tokens=24)])[0].text
    for start in (1, 3, len(whole) // 2):
        stop = whole[start : start + 3]
        hearing = Hearing()
        caller = Caller(sampling=Sampling(stop=("never said", stop)), hear=hearing)
        said = desk.answer([ask(TEXTS[0], max_tokens=24, caller=caller)])[0]
        assert said.text == hearing.text == whole[: whole.index(stop)] and said.finish_reason == "stop"


def test_log_probabilities_are_told_with_the_text_that_they_are_of(desk) -> None:
    hearing = Hearing()
    request = ask(TEXTS[3], max_tokens=8)
    said = desk.answer([replace(request, caller=Caller(sampling=Sampling(top_logprobs=3), hear=hearing))])[0]
    told = [token for piece in hearing.pieces for token in piece.tokens]
    assert said.text == desk.answer([request])[0].text == hearing.text
    assert b"".join(token.data for token in told).decode("utf-8", "replace") == said.text
    assert [one["logprob"] for one in said.tokens] == [token.logprob for token in told]
    assert all(len(token.top) == 3 and token.top[0][2] == token.logprob for token in told)


def test_who_leaves_frees_their_place_at_the_next_step(desk) -> None:
    hearing = Hearing()
    caller = Caller(hear=hearing)
    found: list[BaseException] = []

    def wait() -> None:
        try:
            desk.answer([ask(TEXTS[0], max_tokens=1500, constraint=None, caller=caller)])
        except Gone as error:
            found.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert hearing.first.wait(timeout=30)
    caller.gone.set()
    thread.join(timeout=30)
    assert found and desk.figures().rows == 0
    assert desk.answer([ask(TEXTS[1], max_tokens=3)])[0].text


def test_an_answer_that_comes_too_late_is_given_up(desk) -> None:
    with pytest.raises(Late):
        desk.answer([ask(TEXTS[0], max_tokens=3, caller=Caller(deadline=time.monotonic() - 1))])
    with pytest.raises(Late):
        desk.answer([ask(TEXTS[0], max_tokens=1900, caller=Caller(deadline=time.monotonic() + 0.05))])


def test_what_a_hearer_raises_ends_its_own_answer_alone(desk) -> None:
    def refuse(_piece) -> None:
        raise ConnectionError("no ears")

    requests = [ask(TEXTS[0], max_tokens=6, caller=Caller(hear=refuse)), ask(TEXTS[1], max_tokens=6, caller=Caller())]
    first, second = at_once(desk, requests)
    assert isinstance(first, ConnectionError) and second.text == desk.answer([ask(TEXTS[1], max_tokens=6)])[0].text


def test_a_pass_that_fails_is_told_to_whom_it_concerns_and_the_next_is_answered(live_tiny, monkeypatch) -> None:
    from rung.engine.local.batch import Batch
    from rung.errors import BrokenEnvironment

    desk = Answering(live_tiny).live(Limits())
    real = Batch.step
    monkeypatch.setattr(Batch, "step", lambda self: (_ for _ in ()).throw(MemoryError("no room")))
    with pytest.raises(BrokenEnvironment, match="no room"):
        desk.answer([ask(TEXTS[0], max_tokens=3)])
    monkeypatch.setattr(Batch, "step", real)
    assert desk.answer([ask(TEXTS[0], max_tokens=3)])[0].text
    assert desk.figures().failed == 1
    desk.close()
    with pytest.raises(Gone):
        desk.answer([ask(TEXTS[0], max_tokens=3)])
