"""Candidate + examples: what is asked, in which batches, and what a kill or a second run costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.engine.answer import answer, compose, resolve_constraint
from rung.engine.backend import AdapterUse, ContextTooLong
from rung.engine.chat import tools_text
from rung.engine.demos import Demo, Pool, pool_bytes
from rung.engine.runtime import Runtime
from rung.errors import BrokenEnvironment
from rung.parts import CallConstraint, ChoiceConstraint, Demonstrations, Retrieval, SchemaConstraint
from rung.types import Answer, Candidate, Example

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}


def row(text: str, target: str = "yes", *, system: str = "", tools: tuple = ()) -> Example:
    turns = ({"role": "system", "content": system},) if system else ()
    return Example(id=text, messages=(*turns, {"role": "user", "content": text}), target=target, tools=tools)


class Blobs:
    """Blobs as files named by the test."""

    def __init__(self, folder: Path):
        self.folder = folder

    def local(self, digest: str) -> Path:
        return self.folder / digest


class Cache:
    """An answer cache in memory that counts what it stores."""

    def __init__(self):
        self.kept: dict[tuple[str, str], Answer] = {}
        self.stored: list[int] = []

    def load(self, candidate, examples):
        return {name: self.kept[candidate, name] for name in examples if (candidate, name) in self.kept}

    def store(self, candidate, answers):
        self.stored.append(len(answers))
        self.kept |= {(candidate, name): said for name, said in answers.items()}


class Echo:
    """A backend that answers with its batch's number, and can die before one."""

    reference, template = "echo", ""

    def __init__(self, die_at: int = -1):
        self.batches, self.adapters, self.die_at = [], [], die_at

    def answer(self, requests):
        if len(self.batches) == self.die_at:
            raise KeyboardInterrupt
        self.batches.append([request.messages[-1]["content"] for request in requests])
        self.adapters.append(requests[0].adapters)
        return [Answer(text=f"{said} in {'|'.join(self.batches[-1])}") for said in self.batches[-1]]


def runtime(backend, tmp_path, cache=None, chunk=4) -> Runtime:
    return Runtime(backend_for=lambda base: backend, blobs=Blobs(tmp_path), cache=cache, chunk=chunk)


CANDIDATE = Candidate(rung="r1_prompt", base="b", prompt="Say yes or no.")
ROWS = [row(f"q{i}") for i in range(10)]


def test_killed_evaluation_goes_on_with_the_same_batches(tmp_path):
    whole = answer(CANDIDATE, ROWS, runtime(Echo(), tmp_path))
    cache, first, second = Cache(), Echo(die_at=1), Echo()
    with pytest.raises(KeyboardInterrupt):
        answer(CANDIDATE, ROWS, runtime(first, tmp_path, cache))
    assert cache.stored == [4]
    assert answer(CANDIDATE, ROWS, runtime(second, tmp_path, cache)) == whole
    assert [len(batch) for batch in second.batches] == [4, 2] and cache.stored == [4, 4, 2]
    third = Echo()
    assert answer(CANDIDATE, ROWS, runtime(third, tmp_path, cache)) == whole and third.batches == []


class Telling(Echo):
    """Tells each answer, the last question's first; dies once it has told so many."""

    def __init__(self, die_after: int = 10**9):
        super().__init__()
        self.left = die_after

    def answer_each(self, requests, keep, say):
        said = self.answer(requests)
        for place in reversed(range(len(said))):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            keep({place: said[place]})
        return said


def test_where_questions_are_answered_side_by_side_chunks_are_longer_and_each_answer_counts_as_it_comes(tmp_path):
    """Killed within a chunk, nothing that was kept is lost, and what goes on forms the batches that it would have formed."""

    class Stage:
        def __init__(self):
            self.seen = []

        def advance(self, n=1, **facts):
            self.seen.append(n)

    stage, whole = Stage(), answer(CANDIDATE, ROWS, runtime(Telling(), tmp_path, chunk=2))
    cache = Cache()
    with pytest.raises(KeyboardInterrupt):
        answer(CANDIDATE, ROWS, runtime(Telling(die_after=9), tmp_path, cache, chunk=2), stage=stage)
    assert cache.stored == [8] and sum(stage.seen) == 9 and stage.seen.count(1) == 9
    second, again = Telling(), Stage()
    assert answer(CANDIDATE, ROWS, runtime(second, tmp_path, cache, chunk=2), stage=again) == whole
    assert [len(batch) for batch in second.batches] == [2] and sum(again.seen) == 10
    assert answer(CANDIDATE, ROWS, runtime(Telling(die_after=0), tmp_path, cache, chunk=2)) == whole, "nothing is asked again"


def test_what_is_known_is_not_asked_again_nor_are_equal_examples(tmp_path):
    cache, backend = Cache(), Echo()
    cache.store(CANDIDATE.id, {ROWS[5].digest: Answer(text="from another batch")})
    said = answer(CANDIDATE, [*ROWS, ROWS[2]], runtime(backend, tmp_path, cache))
    assert [len(batch) for batch in backend.batches] == [4, 4, 1]
    assert said[5].text == "from another batch" and said[10] == said[2] and said[6].text == "q6 in q4|q6|q7|q8"


def test_progress_counts_every_row_and_adapters_become_paths(tmp_path):
    class Stage:
        done = 0

        def advance(self, n=1, **facts):
            self.done += n

    stage, backend = Stage(), Echo()
    tuned = Candidate(rung="r4_adapter", base="b", adapters=("abc",))
    answer(tuned, ROWS, runtime(backend, tmp_path), stage=stage)
    assert stage.done == 10 and backend.adapters[0] == (AdapterUse(folder=tmp_path / "abc", digest="abc"),)


def test_prompt_and_the_examples_own_system_turn_are_joined():
    request = compose(CANDIDATE, row("hi", system="The customer is angry."))
    assert request.messages == (
        {"role": "system", "content": "Say yes or no.\n\nThe customer is angry."},
        {"role": "user", "content": "hi"},
    )
    bare = Candidate(rung="r1_prompt", base="b")
    assert compose(bare, row("hi")).messages == ({"role": "user", "content": "hi"},)
    assert compose(bare, row("hi", system="S")).messages[0] == {"role": "system", "content": "S"}


def test_request_carries_what_the_candidate_says():
    made = Candidate(
        rung="r1_prompt",
        base="b",
        constraint=ChoiceConstraint(
            choices=(
                "a",
                "b",
            )
        ),
        max_tokens=7,
    )
    request = compose(made, row("hi", tools=(CLOCK,)))
    assert (request.constraint, request.max_tokens) == (made.constraint, 7)
    assert request.tools == (CLOCK,) and request.temperature == 0


@pytest.fixture
def pool(tmp_path):
    rows = [
        row("the parcel arrived broken", "negative"),
        row("lovely tea, thank you", "positive", system="ignored"),
        row("where is my parcel", "negative"),
        row("the parcel arrived on time, lovely", "positive"),
    ]
    (tmp_path / "pool").write_bytes(pool_bytes(rows, lambda row: str(row.target)))
    return Pool.read(tmp_path / "pool")


def test_nearest_demonstrations_without_the_question_itself(pool):
    near = pool.nearest(row("the parcel arrived broken"), 3)
    assert [demo.messages[-1]["content"] for demo in near] == [
        "the parcel arrived on time, lovely",
        "where is my parcel",
        "lovely tea, thank you",
    ]
    assert len(pool.nearest(row("zzz"), 9)) == 4, "a question without a known word still gets its demonstrations"
    assert [demo.answer for demo in pool.nearest(row("zzz"), 2)] == ["negative", "positive"]
    assert pool.nearest(row("parcel"), 0) == []


def test_pools_without_words_or_rows():
    blank = Demo(messages=row("").messages, answer="x")
    assert Pool(demos=(blank, blank)).nearest(row("hi"), 1) == [blank]
    assert Pool(demos=()).nearest(row("hi"), 3) == []


CHINESE = (
    "\u9000\u8d27\u9700\u8981\u51e0\u5929",
    "\u4f1a\u5458\u8d39\u662f\u591a\u5c11",
    "\u6211\u60f3\u95ee\u95ee\u4f1a\u5458\u8d39",
)
THAI = (
    "\u0e2a\u0e48\u0e07\u0e02\u0e2d\u0e07",
    "\u0e23\u0e32\u0e04\u0e32\u0e40\u0e17\u0e48\u0e32\u0e44\u0e23",
    "\u0e2d\u0e22\u0e32\u0e01\u0e23\u0e39\u0e49\u0e23\u0e32\u0e04\u0e32",
)


@pytest.mark.parametrize(("other", "alike", "asked"), [CHINESE, THAI])
def test_demonstrations_of_a_script_without_spaces_are_compared(tmp_path, other, alike, asked) -> None:
    (tmp_path / "pool").write_bytes(pool_bytes([row(other), row(alike)], lambda _: "x"))
    pool = Pool.read(tmp_path / "pool")
    assert pool.unspaced and alike in str(pool.nearest(row(asked), 1)[0].messages)


def test_a_pool_of_other_scripts_is_what_it_was(tmp_path) -> None:
    (tmp_path / "pool").write_bytes(pool_bytes([row("Where is it?"), row("\u4f1a")], lambda _: "x"))
    assert not Pool.read(tmp_path / "pool").unspaced


def test_demonstrations_come_as_turns_the_most_similar_last(pool):
    made = Candidate(rung="r1_prompt", base="b", prompt="P", demonstrations=Demonstrations(pool="pool", k=2))
    said = [(turn["role"], turn["content"]) for turn in compose(made, row("arrived broken parcel"), pool).messages]
    assert said == [
        ("system", "P"),
        ("user", "the parcel arrived on time, lovely"),
        ("assistant", "positive"),
        ("user", "the parcel arrived broken"),
        ("assistant", "negative"),
        ("user", "arrived broken parcel"),
    ]


def test_demonstrations_travel_through_answer(tmp_path, pool):
    backend = Echo()
    made = Candidate(rung="r1_prompt", base="b", demonstrations=Demonstrations(pool="pool", k=1))
    assert answer(made, [row("lovely")], runtime(backend, tmp_path))[0].text == "lovely in lovely"


class Narrow(Echo):
    """Reads at most so many characters, and says of every request that does not fit how long it is."""

    def __init__(self, context: int):
        super().__init__()
        self.context, self.turns = context, []

    def answer(self, requests):
        sizes = [sum(len(turn["content"]) for turn in request.messages) for request in requests]
        if too_long := {index: size for index, size in enumerate(sizes) if size > self.context}:
            said = "the prompt has {} tokens, and the base reads at most {}"
            raise ContextTooLong({index: said.format(size, self.context) for index, size in too_long.items()})
        self.turns += [len(request.messages) for request in requests]
        return super().answer(requests)


def test_fewer_demonstrations_where_not_all_fit(tmp_path, pool):
    """The nearest stay; a question with room for all keeps all."""
    made = Candidate(rung="r1_prompt", base="b", demonstrations=Demonstrations(pool="pool", k=4))
    backend = Narrow(200)
    said = answer(made, [row("tea"), row("arrived " * 12), row("parcel " * 22)], runtime(backend, tmp_path))
    assert len(said) == 3
    assert backend.turns == [9, 5, 3]


def test_a_question_that_does_not_fit_alone_names_its_row(tmp_path, pool):
    made = Candidate(rung="r1_prompt", base="b", demonstrations=Demonstrations(pool="pool", k=2))
    asked = [row("tea"), replace(row("parcel " * 50), source="rows.csv:7")]
    with pytest.raises(ContextTooLong, match=r"rows\.csv:7: the prompt has 350 tokens, and the base reads at most 200"):
        answer(made, asked, runtime(Narrow(200), tmp_path))


def test_each_question_carries_its_own_tools_where_demonstrations_had_others(tmp_path):
    (tmp_path / "pool").write_bytes(pool_bytes([row("what time is it", "{}", tools=(CLOCK,))], lambda row: str(row.target)))
    made = Candidate(rung="r1_prompt", base="b", demonstrations=Demonstrations(pool="pool", k=1), constraint=CallConstraint())
    request = compose(made, row("weather in Rome", tools=(WEATHER,)), Pool.read(tmp_path / "pool"))
    assert request.tools == ()
    assert request.messages[0]["content"] == f"{tools_text([CLOCK])}\n\nwhat time is it"
    assert request.messages[-1]["content"] == f"{tools_text([WEATHER])}\n\nweather in Rome"
    assert request.constraint.schema["properties"]["name"] == {"const": "weather"}
    same = compose(made, row("what is the time", tools=(CLOCK,)), Pool.read(tmp_path / "pool"))
    assert same.tools == (CLOCK,) and same.messages[0]["content"] == "what time is it"


def test_pool_keeps_odd_characters(tmp_path):
    rows = [row("line\u2028separator \ud800 and\nbreaks")]
    (tmp_path / "odd").write_bytes(pool_bytes(rows, lambda row: str(row.target)))
    demo = Pool.read(tmp_path / "odd").demos[0]
    assert demo.messages == rows[0].messages and demo.question_digest == rows[0].question_digest


def test_tools_constraint_becomes_a_schema_of_calls():
    import jsonschema

    tools = [WEATHER, CLOCK]
    schema = resolve_constraint(CallConstraint(), tools).schema
    jsonschema.validate({"name": "weather", "arguments": {"city": "Rome"}}, schema)
    jsonschema.validate({"name": "clock", "arguments": {}}, schema)
    for wrong in ({"name": "weather", "arguments": {"town": "Rome"}}, {"name": "taxi", "arguments": {}}, {"name": "clock"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    assert resolve_constraint(CallConstraint(), ()) is None
    assert resolve_constraint(None, tools) is None
    assert resolve_constraint(SchemaConstraint(schema={}), tools) == SchemaConstraint(schema={})


def test_call_schema_puts_references_in_place_and_compiles():
    import llguidance

    parameters = {
        "type": "object",
        "description": "prose",
        "properties": {
            "to": {"$ref": "#/$defs/Place"},
            "description": {"type": "string", "description": "prose", "default": "x"},
            "stops": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]}},
            "tree": {"$ref": "#/$defs/Tree"},
        },
        "required": ["to"],
        "$defs": {
            "Place": {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}},
        },
    }
    schema = resolve_constraint(CallConstraint(), [{"name": "go", "parameters": parameters}]).schema
    inside = schema["properties"]["arguments"]["properties"]
    assert inside["to"]["required"] == ["city"] and inside["description"] == {"type": "string"}
    assert "$ref" not in str(schema) and "prose" not in str(schema)
    assert llguidance.LLMatcher.validate_grammar(llguidance.LLMatcher.grammar_from_json_schema(schema)) == ""


def test_what_this_version_cannot_run_is_refused(tmp_path):
    searching = Retrieval(index="0", mode="dense", k=1, form="cited", encoder="x")
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "chunks.jsonl").write_text("")
    with pytest.raises(BrokenEnvironment, match="no encoder can be opened here"):
        answer(Candidate(rung="r2_retrieve", base="b", retrieval=searching), ROWS, runtime(Echo(), tmp_path))


def test_an_enum_meant_for_an_arrays_items_stands_there():
    metrics = {"type": "array", "items": {"type": "string"}, "enum": ["buzz", "trust"]}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"metrics": metrics}}}}
    schema = resolve_constraint(CallConstraint(), (tool,)).schema
    assert schema["properties"]["arguments"]["properties"]["metrics"] == {
        "type": "array",
        "items": {"type": "string", "enum": ["buzz", "trust"]},
    }
