"""Demonstrations that every question is shown: all prompts begin with them, byte for byte, whatever the question brings."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.engine.answer import answer, compose
from rung.engine.chat import tools_text
from rung.engine.demos import Pool, pool_bytes
from rung.engine.runtime import Runtime
from rung.json_form import as_json, from_json
from rung.parts import Demonstrations
from rung.types import Answer, Candidate, Example

CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def row(text: str, target: str = "yes", *, system: str = "", tools: tuple = ()) -> Example:
    turns = ({"role": "system", "content": system},) if system else ()
    return Example(id=text, messages=(*turns, {"role": "user", "content": text}), target=target, tools=tools)


def pool_of(tmp_path: Path, rows: list[Example]) -> Pool:
    path = tmp_path / f"pool{len(list(tmp_path.iterdir()))}"
    path.write_bytes(pool_bytes(rows, lambda row: str(row.target)))
    return Pool.read(path)


def showing(shared: int, k: int = 0, **fields: object) -> Candidate:
    shown = Demonstrations(pool="pool", k=k, shared=shared)
    return Candidate(rung="r1_prompt", base="b", prompt="P", demonstrations=shown, **fields)  # type: ignore[arg-type]


def alike(requests: list) -> int:
    """How many turns all of them begin with, word for word."""
    turns = [[json.dumps(turn) for turn in request.messages] for request in requests]
    return sum(1 for _ in takewhile(lambda place: len(set(place)) == 1, zip(*turns, strict=False)))


FOUR = [row("the parcel broke", "no"), row("lovely tea"), row("where is it", "no"), row("on time")]


def test_the_first_rows_come_in_their_order_and_the_nearest_behind_them(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, FOUR)
    said = [turn["content"] for turn in compose(showing(2, 1), row("is it on time"), pool).messages]
    assert said == ["P", "the parcel broke", "no", "lovely tea", "yes", "on time", "yes", "is it on time"]


def test_a_row_of_the_set_is_never_shown_twice_as_the_nearest(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, FOUR)
    said = [turn["content"] for turn in compose(showing(1, 3), row("the parcel that broke"), pool).messages]
    assert sorted(said[1:-1:2]) == sorted(demo.messages[0]["content"] for demo in pool.demos)


def test_a_question_never_sees_its_own_answer(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, FOUR)
    for shown in (showing(4), showing(2, 2)):
        said = [turn["content"] for turn in compose(shown, row("lovely tea", "other"), pool).messages]
        assert said.count("lovely tea") == 1 and said[-1] == "lovely tea"


def test_candidates_of_before_keep_their_id_and_their_prompts(tmp_path: Path) -> None:
    before = Candidate(rung="r1_prompt", base="b", prompt="P", demonstrations=Demonstrations(pool="pool", k=2))
    assert "shared" not in as_json(before)["demonstrations"]
    assert from_json(Candidate, as_json(before)) == before
    assert before.id != showing(2).id and from_json(Candidate, as_json(showing(2))) == showing(2)
    systems = [row("a b", "1", system="S1"), row("a c", "2", system="S2"), row("d", "3")]
    request = compose(before, row("a b c", system="own"), pool_of(tmp_path, systems))
    assert [turn["content"] for turn in request.messages] == ["P\n\nown", "a c", "2", "a b", "1", "a b c"]


TOOLS = st.sampled_from([(), (CLOCK,), (WEATHER,), (CLOCK, WEATHER)])
SYSTEM = st.sampled_from(["", "S1", "S2"])
ROWS = st.lists(st.builds(row, st.text(min_size=1), system=SYSTEM, tools=TOOLS), max_size=4)
ASKED = st.lists(st.builds(row, st.text(min_size=1), system=SYSTEM, tools=TOOLS), min_size=2, max_size=5)
UNLIKE = [row("in here", system="S1", tools=(CLOCK,)), row("out there", system="S2", tools=(WEATHER,))]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=ROWS, asked=ASKED, same=st.booleans())
def test_every_prompt_begins_with_the_whole_set(
    tmp_path_factory: pytest.TempPathFactory, rows: list, asked: list, same: bool
) -> None:
    """Whatever the questions bring, where the rows brought several; and where all bring the same."""
    told = [*UNLIKE, *rows]
    if same:
        told, asked = ([replace(bare(one), tools=(CLOCK,)) for one in some] for some in (told, asked))
    pool = pool_of(tmp_path_factory.mktemp("pools"), told)
    shown = {demo.question_digest for demo in pool.demos}
    requests = [compose(showing(len(told)), question, pool) for question in asked if question.question_digest not in shown]
    assert all(len(request.messages) >= 2 + 2 * len(told) for request in requests)
    assert not requests or alike(requests) >= 1 + 2 * len(told)
    assert all(request.tools == ((CLOCK,) if same else ()) for request in requests)


def bare(one: Example) -> Example:
    return replace(one, messages=tuple(turn for turn in one.messages if turn["role"] == "user"))


def test_a_systems_own_message_stands_with_its_question_where_the_set_had_several(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, [row("a", "1", system="S1"), row("b", "2", system="S2"), row("c", "3")])
    said = [turn["content"] for turn in compose(showing(3), row("d", system="S3"), pool).messages]
    assert said == ["P", "S1\n\na", "1", "S2\n\nb", "2", "c", "3", "S3\n\nd"]
    same = pool_of(tmp_path, [row("a", "1", system="S"), row("b", "2", system="S")])
    said = [turn["content"] for turn in compose(showing(2), row("d", system="S"), same).messages]
    assert said == ["P\n\nS", "a", "1", "b", "2", "d"]
    other = [turn["content"] for turn in compose(showing(2), row("d", system="other"), same).messages]
    assert other == ["P", "S\n\na", "1", "S\n\nb", "2", "other\n\nd"]


def test_tools_of_several_rows_are_told_in_words_behind_the_set(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, [row("time", "1", tools=(CLOCK,)), row("rain", "2", tools=(WEATHER,))])
    requests = [compose(showing(2), row(name, tools=tools), pool) for name, tools in (("x", (CLOCK,)), ("y", (WEATHER,)))]
    assert alike(requests) == 5 and requests[1].messages[-1]["content"] == f"{tools_text([WEATHER])}\n\ny"


class Narrow:
    """Reads at most so many characters; keeps what it was asked."""

    reference, template = "narrow", ""

    def __init__(self, context: int) -> None:
        self.context, self.asked = context, []

    def answer(self, requests: list) -> list[Answer]:
        from rung.engine.backend import ContextTooLong

        sizes = [sum(len(turn["content"]) for turn in request.messages) for request in requests]
        if any(size > self.context for size in sizes):
            raise ContextTooLong({n: "too long" for n, size in enumerate(sizes) if size > self.context})
        self.asked += requests
        return [Answer(text="yes") for _ in requests]


def test_what_does_not_fit_loses_the_nearest_first_then_the_end_of_the_set(tmp_path: Path) -> None:
    (tmp_path / "pool").write_bytes(pool_bytes([row(f"{name} " * 5) for name in "abcdef"], lambda _: "yes"))

    class Blobs:
        def local(self, digest: str) -> Path:
            return tmp_path / digest

    backend = Narrow(60)
    answer(showing(4, 2), [row("a"), row("q " * 15)], Runtime(backend_for=lambda _: backend, blobs=Blobs()))
    assert [[turn["content"][0] for turn in request.messages[1:-1:2]] for request in backend.asked] == [["a", "b", "c"], ["a"]]


def test_the_same_question_asked_again_is_answered_from_the_same_prompt(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, FOUR)
    one, two = (compose(showing(4), replace(row("new"), id=name), pool) for name in ("1", "2"))
    assert one == two


def test_a_clock_in_every_rows_own_system_message_does_not_part_the_prompts(tmp_path: Path) -> None:
    """What varies from question to question stands behind what all begin with, or no server could keep it."""
    pool = pool_of(tmp_path, [row(f"open {n}", "1", system=f"It is 15:09:{n}0. You run a shop.") for n in range(3)])
    asked = [compose(showing(3), row("when", system=f"It is 16:{n}0:00. You run a shop."), pool) for n in range(3)]
    assert alike(asked) == 7 and asked[1].messages[-1]["content"].startswith("It is 16:10:00. You run a shop.")


def test_tools_that_are_written_in_another_order_of_keys_are_the_same_tools(tmp_path: Path) -> None:
    turned = json.loads(json.dumps({"function": dict(reversed(CLOCK["function"].items())), "type": "function"}))
    pool = pool_of(tmp_path, [row("time", "1", tools=(CLOCK,)), row("hour", "2", tools=(turned,))])
    asked = [compose(showing(2), row("when", tools=(tools,)), pool) for tools in (CLOCK, turned)]
    assert [json.dumps(request.tools) for request in asked] == [json.dumps(asked[0].tools)] * 2
    assert asked[0].tools == (CLOCK,) and alike(asked) == len(asked[0].messages)


def test_copies_of_the_question_in_the_pool_are_left_out_and_the_others_stay(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, [row("same", "1"), row("other", "2"), replace(row("same", "3"), id="copy"), row("third", "4")])
    said = [turn["content"] for turn in compose(showing(3, 1), row("same"), pool).messages]
    assert said == ["P", "other", "2", "third", "4", "same"]


def test_a_conversation_of_several_turns_is_shown_whole(tmp_path: Path) -> None:
    turns = [("user", "hi"), ("assistant", "how can I help"), ("user", "refund")]
    talk = Example(id="t", messages=tuple({"role": role, "content": text} for role, text in turns), target="")
    said = [(turn["role"], turn["content"]) for turn in compose(showing(1), row("q"), pool_of(tmp_path, [talk])).messages]
    assert said == [("system", "P"), *turns, ("assistant", ""), ("user", "q")]
