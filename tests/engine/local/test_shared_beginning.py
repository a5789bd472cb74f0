"""What every question of a Candidate begins with is computed once: for each batch of them, and for one that comes alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rung.engine.answer import compose
from rung.engine.chat import prompt_tokens
from rung.engine.demos import Pool, pool_bytes
from rung.engine.local.answering import Answering
from rung.parts import Demonstrations
from rung.types import Candidate, Example


def row(text: str) -> Example:
    return Example(id=text, messages=({"role": "user", "content": text},), target="yes")


def questions(tmp_path: Path, texts: list[str], k: int = 0) -> list:
    rows = [row(f"the parcel {name} came late, again and again") for name in "abcdef"]
    (tmp_path / "pool").write_bytes(pool_bytes(rows, lambda row: str(row.target)))
    shown = Demonstrations(pool="pool", k=k, shared=4)
    made = Candidate(rung="r1_prompt", base="tiny", prompt="Yes or no?", demonstrations=shown, max_tokens=6)
    return [compose(made, row(text), Pool.read(tmp_path / "pool")) for text in texts]


def test_the_set_is_read_once_for_all_batches_and_for_questions_alone(tiny, tmp_path: Path) -> None:
    asked = questions(tmp_path, ["parcel a", "parcel b", "tea", "so"], k=1)
    assert [request.shared for request in asked] == [9] * 4
    shown = prompt_tokens(tiny.tokenizer, asked[0].messages[:9])
    engine = Answering(tiny)
    first = engine.answer(asked[:1])[0]
    later = [*engine.answer(asked[:2]), *engine.answer(asked[2:]), *engine.answer(asked[3:])]
    assert first.cached_tokens == 0 and len({said.cached_tokens for said in later}) == 1
    assert later[0].cached_tokens > 0.9 * len(shown) and later[0].text == first.text


def test_answers_are_what_they_are_without_it(tiny, tmp_path: Path) -> None:
    asked = questions(tmp_path, ["parcel a", "tea"])
    plain = [Answering(tiny).answer([replace(request, shared=0)])[0].text for request in asked]
    assert [said.text for said in Answering(tiny).answer(asked)] == plain
    assert [Answering(tiny).answer([request])[0].text for request in asked] == plain


def test_one_that_has_fewer_of_them_is_answered_beside_the_others(tiny, tmp_path: Path) -> None:
    asked = questions(tmp_path, ["parcel a", "tea"])
    shorter = replace(asked[1], messages=(*asked[1].messages[:5], asked[1].messages[-1]), shared=5)
    said = Answering(tiny).answer([asked[0], shorter])
    assert said[1].text == Answering(tiny).answer([replace(shorter, shared=0)])[0].text
    assert 0 < said[1].cached_tokens < said[1].prompt_tokens
