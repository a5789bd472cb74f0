"""The path of one question: what a name stands for at that moment, who may ask, what is written down, what comes of trouble."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

import pytest
from serving_home import SCRIPT, register

from rung.engine.bases.resolve import resolve
from rung.engine.caller import Caller, Full, Gone, Piece, Sampling
from rung.errors import BrokenEnvironment, UserError
from rung.registry.home import open_home
from rung.serve.bases import expect, warm
from rung.serve.faults import refusal, without_paths
from rung.serve.idle import NoJournal, NoQuotas, NoRails, NoRouter
from rung.serve.names import Names
from rung.serve.opening import Settings, chosen, open_door
from rung.serve.question import settled
from rung.serve.types import Asked, Refused, Ruling, Tenant
from rung.types import Answer, Candidate

ANNA = Tenant(id="anna", name="anna")


@dataclass
class Written(NoJournal):
    """A journal in a list."""

    lines: list = field(default_factory=list)

    def begin(self, asked, served, fingerprint):
        self.lines.append(("begin", asked.id, served.ref, fingerprint))

    def end(self, id, outcome):
        self.lines.append(("end", id, outcome.ending, outcome.status))

    def refuse(self, tenant, what, refused):
        self.lines.append(("refuse", tenant and tenant.id, what, refused.status))


@pytest.fixture
def home(tmp_path):
    with open_home(tmp_path / "home", write=True) as opened:
        yield opened


@pytest.fixture
def scripted(home):
    (home.path / "script.py").write_text(SCRIPT)
    base = resolve(f"scripted:{home.path / 'script.py'}#says", home.path).pinned

    def make(name, **fields):
        return register(home, name, Candidate(**({"rung": "r1_prompt", "base": base, "max_tokens": 50} | fields)))

    return make


@pytest.fixture
def door(home, scripted):
    scripted("spam", prompt="one")
    scripted("spam", prompt="two")
    return replace(open_door(home, Settings()), journal=Written())


def asks(text="SAY yes", model="spam", tenant=ANNA, **fields):
    said = {"role": "user", "content": text}
    return Asked(id="chatcmpl-1", tenant=tenant, endpoint="chat", model=model, messages=(said,), **fields)


def test_promotions_and_rollbacks_are_followed_by_the_next_question(home, door):
    assert door.answer(asks(), Caller()).served.ref == "spam@2"
    with pytest.raises(Refused):
        door.answer(asks(model="spam@champion"), Caller())
    for version, kind in ((2, "promote"), (1, "rollback"), (2, "set")):
        home.aliases.move("spam", "champion", version, expected=None, kind=kind)
        assert door.answer(asks(model="spam@champion"), Caller()).served.ref == f"spam@{version}"
        assert door.answer(asks(), Caller()).served.ref == "spam@2", "a name alone is its newest version, as on the command line"
    home.aliases.move("spam", "champion", None, expected=None, kind="remove")
    with pytest.raises(Refused) as caught:
        door.answer(asks(model="spam@champion"), Caller())
    assert caught.value.status == 404


def test_what_is_registered_while_the_server_runs_is_served(door, scripted):
    with pytest.raises(Refused):
        door.answer(asks(model="mail"), Caller())
    scripted("mail")
    assert door.answer(asks(model="mail"), Caller()).served.ref == "mail@1"


def test_a_tenant_sees_and_asks_what_its_key_allows_and_the_attempt_is_written_down(door, scripted):
    scripted("mail")
    bob = Tenant(id="bob", name="bob", models=("mail",))
    assert [one.id for one in door.names.listed(bob)] == ["mail", "mail@1"]
    assert door.answer(asks(model="mail", tenant=bob), Caller()).answer.text == "yes"
    told = []
    for word in ("spam", "spam@1", "base", "nobody"):
        with pytest.raises(Refused) as caught:
            door.answer(asks(model=word, tenant=bob), Caller())
        told.append(caught.value.message.replace(word, "WORD"))
    assert len(set(told)) == 1, "who may not use a model does not learn that it is there"
    assert [line for line in door.journal.lines if line[0] == "refuse"] == [
        ("refuse", "bob", word, 404) for word in ("spam", "spam@1", "base", "nobody")
    ]


def test_a_server_of_some_names_knows_no_others(home, door, scripted):
    scripted("mail")
    names = Names(home, only=("ma*",))
    assert names.find("spam") is None and names.find("mail").ref == "mail@1"
    with pytest.raises(UserError, match="no registered name fits 'mial'"):
        open_door(home, Settings(names=("mial",)))
    with pytest.raises(UserError, match="nothing that is served is called 'spma'"):
        chosen(door, ["spma"])


def test_all_that_is_answered_is_written_down_first_and_last(door):
    seen = []
    door.answer(asks(), Caller(), lambda served, fingerprint: seen.append((served.ref, list(door.journal.lines))))
    [(ref, before)] = seen
    assert ref == "spam@2" and [line[0] for line in before] == ["begin"]
    assert door.journal.lines[-1] == ("end", "chatcmpl-1", "answered", 200)
    with pytest.raises(Refused) as caught:
        door.answer(asks("fail"), Caller())
    assert caught.value.status == 503 and door.journal.lines[-1] == ("end", "chatcmpl-1", "failed", 503)


def test_a_journal_that_cannot_keep_lets_nothing_out_and_the_quota_gets_its_own_back(door):
    settled_with = []

    class Full(Written):
        def begin(self, asked, served, fingerprint):
            raise BrokenEnvironment("no space left on device", where="/var/lib/journal.db")

    class Counting(NoQuotas):
        def admit(self, tenant, *, prompt_tokens, max_tokens):
            return type("Admission", (), {"settle": lambda self, answer: settled_with.append(answer)})()

    broken = replace(door, journal=Full(), quotas=Counting())
    with pytest.raises(Refused) as caught:
        broken.answer(asks(), Caller())
    assert caught.value.status == 503 and "/var" not in caught.value.message and settled_with == [None]


def test_the_rails_ask_again_fall_back_withhold_and_hold(door, scripted):
    scripted("safe", prompt="safe")
    rulings = []

    class Railed(NoRails):
        def answer(self, asked, served, answer, tries):
            ruling = rulings.pop(0)
            return ruling if ruling.answer else replace(ruling, answer=answer)

    railed = replace(door, rails=Railed())
    rulings += [Ruling(retry=True, hint="SAY again"), Ruling()]
    assert railed.answer(asks("SAY bad"), Caller()).answer.text == "bad\n\nSAY again"
    rulings += [Ruling(ending="fallback", fallback="safe", reason="rude"), Ruling()]
    fell = railed.answer(asks(), Caller())
    assert (fell.ending, fell.served.ref) == ("fallback", "safe@1") and door.journal.lines[-1][2] == "fallback"
    rulings += [Ruling(ending="fallback", fallback="nobody", reason="rude")]
    gone = railed.answer(asks(), Caller())
    assert (gone.ending, gone.reason) == ("withheld", "rude")
    rulings += [Ruling(ending="withheld", reason="personal data")]
    assert railed.answer(asks(), Caller()).ending == "withheld"
    rulings += [Ruling(retry=True)] * 99
    assert railed.answer(asks(), Caller()).ending == "withheld"
    rulings[:] = [Ruling(ending="held", reason="h-1")]
    held = railed.answer(asks(), Caller())
    assert (held.ending, held.reason) == ("held", "h-1")


def test_what_a_rollout_takes_back_meanwhile_answers_nothing(door):
    class Taken(NoRouter):
        def __init__(self):
            self.asked = 0

        def route(self, asked, served):
            self.asked += 1
            return door.names.find("spam@1") if self.asked == 1 else served

        def stands(self, served):
            return served.ref != "spam@1"

    heard = []
    delivered = replace(door, router=Taken()).answer(asks(), Caller(hear=heard.append))
    assert delivered.served.ref == "spam@2" and delivered.ending == "answered" and [piece.text for piece in heard] == ["yes"]


def test_who_has_left_and_who_is_late_are_told_so(door):
    gone = threading.Event()
    gone.set()
    for caller, status, ending in ((Caller(gone=gone), 499, "gone"), (Caller(deadline=time.monotonic() - 1), 408, "late")):
        with pytest.raises(Refused) as caught:
            door.answer(asks(), caller)
        assert caught.value.status == status and door.journal.lines[-1][2:] == (ending, status)


def test_a_server_that_is_full_or_stops_says_when_to_come_again(door):
    full = replace(door, limits=replace(door.limits, at_once=0))
    with pytest.raises(Refused) as caught:
        full.answer(asks(), Caller())
    assert caught.value.status == 503 and caught.value.retry_after_s
    door.standing.drain()
    with pytest.raises(Refused) as caught:
        door.answer(asks(), Caller())
    assert (caught.value.status, caught.value.code) == (503, "stopping") and not door.standing.ready


def test_the_server_is_ready_when_every_base_has_answered(door):
    versions = chosen(door, ["spam@1"])
    expect(door, versions)
    assert not door.standing.ready and len(door.standing.cold) == 2
    warm(door, versions, threading.Event())
    assert door.standing.ready


def test_errors_are_told_without_what_is_not_the_clients():
    assert refusal(Full("busy", retry_after_s=2.0)).retry_after_s == 2.0
    assert refusal(Gone("left")).status == 499
    assert refusal(ValueError("/etc/passwd")).message == "The server failed on this question; it is logged under the answer's id."
    assert (
        without_paths("no file /a/b.txt, ~/x or ./y here, 1/2 of https://host/v1")
        == "no file ..., ... or ... here, 1/2 of https://host/v1"
    )


def test_a_choice_is_drawn_by_its_probability():
    said = Answer(text="a", logprobs={"a": -0.1, "b": -2.4})
    candidate = Candidate(rung="r0_linear", base="linear:" + "0" * 64)
    drawn = [settled(said, candidate, Sampling(temperature=1.0, seed=seed)).text for seed in range(400)]
    assert 8 < drawn.count("b") < 80
    assert {settled(said, candidate, Sampling(temperature=1.0, top_p=0.5, seed=seed)).text for seed in range(50)} == {"a"}
    assert settled(said, candidate, Sampling()).text == "a"


def test_what_is_counted_is_told_to_prometheus(door):
    door.answer(asks(), Caller(hear=lambda piece: None))
    with pytest.raises(Refused):
        door.answer(asks(model="a word of\nno model"), Caller())
    text = door.meters.text().decode()
    assert 'rung_questions_total{ending="answered",endpoint="chat",model="spam@2",status="200"} 1.0' in text
    assert 'rung_tokens_total{kind="prompt",model="spam@2"} 7.0' in text
    assert "no model" not in text and "rung_questions_under_way 0.0" in text


def test_a_span_tells_what_answered_and_no_word_of_it(door):
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from rung.serve.spans import OpenTelemetry

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    traced = replace(door, spans=OpenTelemetry(provider.get_tracer("test")))
    traced.answer(asks("SAY secret word"), Caller())
    with pytest.raises(Refused):
        traced.answer(asks("fail"), Caller())
    first, second = kept.get_finished_spans()
    assert first.name == "chat spam@2" and first.attributes["gen_ai.usage.input_tokens"] == 7
    assert first.attributes["gen_ai.response.finish_reasons"] == ("stop",) and not second.status.is_ok
    assert "secret" not in str(dict(first.attributes))


def test_pieces_go_out_as_they_come_only_where_they_begin_the_answer(door, scripted):
    from rung.parts import ChoiceConstraint

    scripted("held", constraint=ChoiceConstraint(choices=("yes", "no")))
    heard: list[Piece] = []
    door.answer(asks(), Caller(hear=heard.append))
    assert [piece.text for piece in heard] == ["yes"]
    heard.clear()
    door.answer(asks(model="held"), Caller(hear=heard.append))
    assert heard == []
