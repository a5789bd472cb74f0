"""Beside rows that say themselves what is what, a column of few values is another task, and named."""

from __future__ import annotations

from rung.propose.profile import look_at


def test_a_category_beside_question_and_answer_is_named(write):
    rows = [
        {
            "instruction": f"What is {i} and {i + 1}?",
            "context": "",
            "response": f"It is {2 * i + 1}, of course, as anybody knows.",
            "category": ["sums", "talk"][i % 2],
            "source": "ab"[i % 2],
            "note": f"n{i}",
        }
        for i in range(60)
    ]
    profile = look_at(write("rows.jsonl", rows))
    assert (profile.shape, profile.columns.named()) == ("alpaca", {})
    told = [inference for inference in profile.inferences if inference.about == "other target"]
    assert [(one.taken, one.change) for one in told] == [("category (2 values) could be the answer instead", "--target category")]


def test_lists_of_objects_in_rows_that_have_a_shape_are_no_rows(write):
    functions = [
        {"name": name, "description": f"It {name}s.", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}
        for name in ("add", "find")
    ]
    tools = [{"type": "function", "function": function} for function in functions]
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Add {i}."},
                {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "add", "arguments": f'{{"x": {i}}}'}}]},
            ],
            "tools": tools,
        }
        for i in range(60)
    ]
    profile = look_at(write("rows.jsonl", rows))
    assert (profile.shape, profile.kind, profile.usable) == ("messages", "tool calls", 60)


def test_a_code_is_not_read_and_of_two_languages_the_first_is_asked(write):
    lines = ["Ticket,What was written,Team"]
    lines += [
        f"T-{4000 + i},The lamp number {i} is {'late' if i % 2 else 'broken'} again,{'post' if i % 2 else 'repairs'}"
        for i in range(60)
    ]
    assert look_at(write("tickets.csv", "\n".join(lines))).columns.named()["input"] == "What was written"
    lines = ["en\tde", *(f"The lamp costs {i} today in town.\tDie Lampe kostet heute in der Stadt {i}." for i in range(60))]
    assert look_at(write("pairs.tsv", "\n".join(lines))).columns.named() == {"input": "en", "target": "de"}
