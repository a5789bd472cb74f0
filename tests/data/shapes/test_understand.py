"""What only the whole file shows: its shape, answers that are marked bad, the turn that is scored, rows of another shape."""

from __future__ import annotations

import json

import pytest

from rung.data.load import Loaded
from rung.data.shapes.understand import titles_of
from rung.errors import UserError

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ONE = [{"name": "add", "arguments": {"a": 1}}]


def ask(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def say(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def told(loaded: Loaded) -> str:
    return " ".join(inference.line() for inference in loaded.inferences if inference.aloud)


def marked(n: int, **more: object) -> list[dict[str, object]]:
    return [{"prompt": f"q{i}", "completion": f"a{i}", "label": i % 2 == 1, **more} for i in range(n)]


@pytest.mark.parametrize("words", [(False, True), ("False", "True"), (0, 1), ("0", "1")])
def test_answers_that_are_marked_false_are_no_targets(load, words):
    rows = [{**row, "label": words[row["label"]]} for row in marked(8)]
    loaded = load("rows.jsonl", rows)
    assert [example.target for example in loaded.examples] == ["a1", "a3", "a5", "a7"]
    assert loaded.skipped == {"rows with label false": 4}
    assert "4 rows with label false are left out" in told(loaded)


def test_a_bad_answer_to_the_same_question_is_the_rejected_one(load):
    rows = marked(4)
    rows[0]["prompt"] = "q1"
    loaded = load("rows.jsonl", rows)
    assert [(example.target, example.rejected) for example in loaded.examples] == [("a1", "a0"), ("a3", None)]
    assert "1 of the others have one beside them" in told(loaded)


@pytest.mark.parametrize("label", [lambda i: True, lambda i: "ab"[i % 2], lambda i: i % 3])
def test_other_labels_mark_nothing(load, label):
    loaded = load("rows.jsonl", [{**row, "label": label(i)} for i, row in enumerate(marked(8))])
    assert (len(loaded.examples), loaded.skipped, loaded.inferences) == (8, {}, ())


def test_conversations_may_be_marked_too(load):
    rows = [{"messages": [ask(f"q{i}"), say(f"a{i}")], "label": i > 1} for i in range(4)]
    assert [example.target for example in load("rows.jsonl", rows).examples] == ["a2", "a3"]


def test_the_call_is_scored_where_words_follow_from_its_result(load):
    led = {
        "messages": [ask("1 + 0?"), CALLED, {"role": "tool", "tool_call_id": "c1", "content": "1"}, say("It is 1.")],
        "tools": [TOOL],
    }
    ends = {"messages": [ask("1?"), CALLED], "tools": [TOOL]}
    talks = {"messages": [*led["messages"], ask("Thanks"), say("Bye")], "tools": [TOOL]}
    loaded = load("rows.jsonl", [led, ends, talks])
    assert [example.target for example in loaded.examples] == [ONE, ONE, []]
    assert loaded.examples[0].messages == (ask("1 + 0?"),)
    assert loaded.examples[2].said == "Bye"
    assert "the call of 1 rows whose last words follow from its result" in told(loaded)


def test_calls_in_turns_of_their_own_are_made_at_once(load):
    called = [{"from": "function_call", "value": json.dumps({"name": "add", "arguments": {"a": number}})} for number in (1, 2)]
    results = [{"from": "observation", "value": "1"}, {"from": "observation", "value": "2"}]
    turns = [{"from": "human", "value": "1, 2?"}, *called, *results, {"from": "gpt", "value": "1 and 2."}]
    example = load("rows.jsonl", [{"conversations": turns, "tools": [TOOL]}]).examples[0]
    assert [call["arguments"] for call in example.target] == [{"a": 1}, {"a": 2}]


def test_rows_without_tools_take_no_part_in_a_file_about_calls(load):
    calls = [{"messages": [ask(f"{i}?"), CALLED], "tools": json.dumps([TOOL])} for i in range(3)]
    loaded = load("rows.jsonl", [*calls, {"messages": [ask("Hi"), say("Hello")], "tools": "[]"}])
    assert (len(loaded.examples), loaded.skipped) == (3, {"rows without tools in a file about calls": 1})
    assert loaded.findings[0].message == "1 row without tools in a file about calls is left out"


def test_a_rare_call_in_a_file_of_talk_is_part_of_the_talk(load):
    led = {"messages": [ask("1 + 0?"), CALLED, {"role": "tool", "content": "1"}, say("It is 1.")]}
    talk = [{"messages": [ask(f"q{i}"), say(f"a{i}")]} for i in range(20)]
    assert load("rows.jsonl", [led, *talk]).examples[0].target == "It is 1."


def test_calls_in_a_text_before_a_tools_answer_are_calls(load):
    text = 'Let me see. <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'
    said = (("human", "1?"), ("gpt", text), ("tool", "1"), ("gpt", "It is 1."))
    turns = [{"from": who, "value": words} for who, words in said]
    rows = [{"conversations": turns, "tools": json.dumps([TOOL])}, {"conversations": turns[:-2], "tools": json.dumps([TOOL])}]
    assert [example.target for example in load("rows.jsonl", rows).examples] == [ONE, ONE]


def test_blocks_of_calls_and_results(load):
    rows = [{"system": "Be brief.", "tools": [{"name": "add", "input_schema": {"type": "object", "properties": {}}}], "messages": [
        ask("1?"), {"role": "assistant", "content": [{"type": "text", "text": "Well."}, {
            "type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "1"}]}]},
        say("It is 1."), ask("And 2?"), {"role": "assistant", "content": [{"type": "tool_use", "id": "t2", "name": "add", "input": {
            "a": 2}}, {"type": "tool_use", "id": "t3", "name": "add", "input": {"a": 3}}]}]}]  # fmt: skip
    example = load("rows.jsonl", rows).examples[0]
    assert [message["role"] for message in example.messages] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert example.messages[3] == {"role": "tool", "content": "1", "tool_call_id": "t1"}
    assert [call["arguments"] for call in example.target] == [{"a": 2}, {"a": 3}]


def test_googles_calls(load):
    declared = {"name": "add", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}}
    called = {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {"a": 1}}}]}
    row = {"contents": [{"role": "user", "parts": [{"text": "1?"}]}, called], "tools": [{"functionDeclarations": [declared]}]}
    rows = [{**row, "systemInstruction": {"parts": [{"text": "Be brief."}]}}]
    example = load("rows.jsonl", rows).examples[0]
    assert (example.messages[0]["content"], example.target) == ("Be brief.", ONE)
    assert example.tools[0]["function"]["parameters"] == {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_turns_of_one_speaker_are_one_and_earlier_answers_are_told(load):
    rows = [{"messages": [ask("a"), ask("b"), say("c"), ask("d"), say("e"), say("f")]}]
    loaded = load("rows.jsonl", rows)
    assert [message["content"] for message in loaded.examples[0].messages] == ["a\n\nb", "c", "d"]
    assert loaded.examples[0].target == "e\n\nf"
    assert "turns of one speaker in a row are one turn" in told(loaded)
    assert "the last answer of each conversation" in told(loaded)


def test_two_shapes_that_are_both_frequent_are_read_each_by_its_own(load):
    rows = [{"messages": [ask(f"q{i}"), say(f"a{i}")]} for i in range(6)] + [
        {"prompt": f"p{i}", "completion": f"c{i}"} for i in range(4)
    ]
    loaded = load("rows.jsonl", rows)
    assert len(loaded.examples) == 10
    assert "of 10 rows 6 are shaped messages, 4 are shaped prompt/completion" in told(loaded)


def test_columns_of_which_each_row_fills_some_are_no_hindrance(load):
    rows = [
        {"messages": [ask("q"), say("a")], "prompt": None, "completion": ""},
        {"messages": None, "prompt": "p", "completion": "c"},
    ]
    assert [example.target for example in load("rows.jsonl", rows).examples] == ["a", "c"]


def test_a_shape_that_few_rows_have_is_a_slip(load):
    rows = [*({"messages": [ask(f"q{i}"), say(f"a{i}")]} for i in range(30)), {"prompt": "p", "completion": "c"}]
    with pytest.raises(
        UserError, match=r"rows\.jsonl:31: the row is shaped prompt/completion; the file's rows are shaped messages"
    ):
        load("rows.jsonl", rows, bad_rows=0.0)


def test_a_form_in_a_few_texts_is_none_of_the_file():
    marked = [{"text": f"Human: q{i}\n\nAssistant: a{i}"} for i in range(8)]
    assert titles_of(marked) == ("text with turns",)
    assert titles_of([*marked, {"text": "plain"}]) == ()
    assert titles_of([{"text": row["text"], "label": "x"} for row in marked]) == ()


def test_ties_and_failed_requests_are_left_out_and_counted(load):
    pairs = [{"prompt": f"q{i}", "response_a": "x", "response_b": "y", "winner": ["a", "b", "tie"][i % 3]} for i in range(6)]
    loaded = load("rows.jsonl", pairs)
    assert ([example.target for example in loaded.examples], loaded.skipped) == (
        ["x", "y", "x", "y"],
        {"rows in which neither answer is better": 2},
    )
    assert [finding.message for finding in loaded.findings] == ["2 rows in which neither answer is better are left out"]


def test_conversations_without_a_name_are_rows(load):
    talk = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    assert [example.target for example in load("rows.json", json.dumps([talk, talk]).encode()).examples] == ["a", "a"]


def test_words_behind_the_last_answer_are_a_bad_row_or_the_files_habit(load):
    talk = [ask("q"), say("a"), ask("Thanks")]
    rows = [{"messages": talk if i == 7 else talk[:-1]} for i in range(30)]
    loaded = load("rows.jsonl", rows)
    assert len(loaded.examples) == 29
    assert "the last message is the user's" in loaded.findings[0].message
    loaded = load("rows.jsonl", [{"messages": talk}] * 4)
    assert [(example.messages, example.target) for example in loaded.examples] == [((ask("q"),), "a")] * 4
    assert "without the user's words behind it, in 4 conversations" in told(loaded)


def test_a_heading_in_an_answer_is_part_of_it(load):
    text = "### Instruction:\nSum up.\n\n### Input:\nA long day.\n\n### Response:\n# Day\n### Answer:\nlong\n"
    example = load("rows.jsonl", [{"text": text}]).examples[0]
    assert (example.messages, example.target) == ((ask("Sum up.\n\nA long day."),), "# Day\n### Answer:\nlong")
