"""The journal's rows: found again by all that is asked of them, ended once, and those that a dead server left told as such."""

from __future__ import annotations

import pytest
from journals import a_beginning, a_dead_process, a_making, a_server, an_end, answered

from rung.registry.feedback import Word, new_id
from rung.registry.home import Home
from rung.registry.served import DIED, UNDER_WAY, Wanted


def ids(home: Home, **wanted: str) -> list[str]:
    return [row.begun.id for row in home.served.find(Wanted(**wanted))]


def test_what_was_written_is_read_again(registry: Home) -> None:
    head = a_server(registry)
    making = a_making(weight=0.5)
    begun = a_beginning("chatcmpl-1", making=making, rollout="r1", arm="candidate", session="s", fingerprint="fp_1")
    head = registry.served.begin(head, begun)
    row = registry.served.get("chatcmpl-1")
    assert row is not None
    assert (row.begun, row.end, row.ending) == (begun, None, UNDER_WAY)
    end = an_end("chatcmpl-1", usd=0.25, first_s=1, cached_tokens=0)
    head = registry.served.end(head, end)
    row = registry.served.get("chatcmpl-1")
    assert row is not None
    assert row.end == end
    assert head.rows == 2
    assert registry.integrity.faults() == []


def test_an_answer_ends_once(registry: Home) -> None:
    head = answered(registry, a_server(registry), "chatcmpl-1")
    assert registry.served.end(head, an_end("chatcmpl-1", "gone")) == head
    assert registry.served.get("chatcmpl-1").ending == "answered"  # type: ignore[union-attr]


def test_answers_are_found_by_each_of_what_they_are_asked_by(registry: Home) -> None:
    head = a_server(registry)
    head = answered(registry, head, "one", tenant="tenant-a", model="spam")
    other = a_making("legal@2", adapter="e" * 64)
    head = answered(registry, head, "two", tenant="tenant-b", model="legal-de", making=other, session="s", rollout="r", arm="a")
    head = registry.served.begin(head, a_beginning("three", tenant="tenant-b", model="Legal_de", key="z"))
    assert ids(registry) == ["three", "two", "one"]
    assert ids(registry, tenant="tenant-b") == ["three", "two"]
    assert ids(registry, key="z") == ["three"]
    assert ids(registry, model="legal-*") == ["two"]
    assert ids(registry, model="legal?de") == ["three", "two"]
    assert ids(registry, model="legal-de") == ["two"]
    assert ids(registry, ref="legal") == ids(registry, ref="legal@2") == ["two"]
    assert ids(registry, ref="leg") == ids(registry, ref="legal@") == []
    assert ids(registry, ref="l*") == ["two"]
    assert ids(registry, ending=UNDER_WAY) == ["three"]
    assert ids(registry, ending="answered") == ["two", "one"]
    assert ids(registry, session="s") == ids(registry, rollout="r", arm="a") == ["two"]
    assert ids(registry, adapter="e" * 8) == ["two"]
    assert ids(registry, base="pip:llm*") == ["three", "two", "one"]
    assert ids(registry, base="pip:other") == []
    assert ids(registry, text="wo") == ids(registry, text="LEGAL-") == ["two"]
    assert ids(registry, text="%") == ids(registry, since="2999") == []
    assert ids(registry, until="2999") == ["three", "two", "one"]


def test_pages_follow_on_one_another(registry: Home) -> None:
    answered(registry, a_server(registry), *(f"id-{number}" for number in range(7)))
    seen, before = [], 0
    while page := registry.served.find(before=before, limit=3):
        seen += [row.begun.id for row in page]
        before = page[-1].cursor
    assert seen == [f"id-{number}" for number in reversed(range(7))]
    assert [row.begun.id for row in registry.served.after(before, limit=2)] == ["id-1", "id-2"]


def test_what_a_dead_server_began_is_told_as_died_once_and_a_living_ones_is_left(registry: Home) -> None:
    dead = registry.served.begin(answered(registry, a_server(registry, a_dead_process()), "done"), a_beginning("cut"))
    living = registry.served.begin(a_server(registry), a_beginning("going on"))
    head = a_server(registry)
    head, died = registry.served.bury(head)
    assert died == ["cut"]
    assert (registry.served.get("cut").ending, registry.served.get("going on").ending) == (DIED, UNDER_WAY)  # type: ignore[union-attr]
    assert registry.served.bury(head) == (head, [])
    assert registry.segments.is_closed(dead.segment)
    assert not registry.segments.is_closed(living.segment)
    assert registry.integrity.faults() == []


def test_words_are_kept_beside_and_go_by_their_age(registry: Home) -> None:
    registry.served.keep_text("one", "question", "a\x00b\ud800", "2026")
    registry.served.keep_text("one", "answer", "first", "2025")
    registry.served.keep_text("one", "answer", "second", "2027")
    assert registry.served.texts("one") == {"question": "a\ufffdb?", "answer": "second"}
    assert registry.served.forget_texts("2026") == 0
    assert registry.served.forget_texts("2026-11") == 1
    assert registry.served.forget_texts("2999") == 1
    assert registry.served.texts("one") == {}


def test_a_beginning_that_is_taken_back_leaves_nothing(registry: Home) -> None:
    head = a_server(registry)
    with pytest.raises(ZeroDivisionError), registry.together():
        registry.served.begin(head, a_beginning("one"))
        1 / 0
    assert registry.served.get("one") is None
    registry.served.begin(head, a_beginning("one"))
    assert registry.served.get("one").begun.making == a_making()  # type: ignore[union-attr]
    assert registry.integrity.faults() == []


def test_the_owner_of_an_answer_and_none_of_an_attempt(registry: Home) -> None:
    head = answered(registry, a_server(registry), "one")
    registry.served.begin(head, a_beginning("refused-1", making=None, ref=""))
    assert registry.served.owner("one") == "tenant-a"
    assert registry.served.owner("two") is None


def test_what_was_said_is_found_by_answer_ref_and_rollout(registry: Home) -> None:
    head = answered(registry, a_server(registry), "one", rollout="r1", arm="candidate")
    head = answered(registry, head, "two", making=a_making("legal@2"))
    for answer, thumb in (("one", "up"), ("one", "down"), ("two", "up")):
        word = Word(id=new_id(), answer=answer, tenant="tenant-a", key="k", thumb=thumb, score=1, said={"a": [1]})
        head = registry.feedback.add(head, word)
    assert [heard.word.thumb for heard in registry.feedback.of("one")] == ["up", "down"]
    assert [(heard.ref, heard.arm) for heard in registry.feedback.after(rollout="r1")] == [("spam@1", "candidate")] * 2
    assert [heard.word.answer for heard in registry.feedback.newest(ref="legal")] == ["two"]
    assert {answer: len(said) for answer, said in registry.feedback.of_all(["one", "two", "three"]).items()} == {"one": 2, "two": 1}
    first = registry.feedback.after(limit=1)[0]
    assert [heard.word.answer for heard in registry.feedback.after(first.cursor)] == ["one", "two"]
    assert first.word.score == 1.0
    assert first.word.said == {"a": [1]}
    assert registry.integrity.faults() == []
