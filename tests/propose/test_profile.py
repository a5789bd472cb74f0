"""`rung init` looks at five shapes of files and asks nothing that they say."""

import json
from dataclasses import asdict

import pytest

from rung.data.load import load_examples
from rung.data.read.source import Source
from rung.data.split import deduplicate, split
from rung.errors import UserError
from rung.propose.profile import look_at

TOOL = {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}


def climbs(path, profile) -> int:
    """The rows that the proposed task would be split into, by the same steps as a task file."""
    source = Source(
        reference=path.name,
        base_folder=path.parent,
        downloads=path.parent,
        columns=profile.columns,
        group=profile.group,
        where=profile.where or None,
        encoding=profile.encoding,
    )
    done = split(deduplicate(load_examples(source).examples).examples, profile.split, seed=0)
    assert {example.split for example in done} == {"train", "dev", "test"}
    return len(done)


def test_a_csv_of_labels(write):
    lines = [f'{n},"message number {n}, quite long",{"good" if n % 4 else "bad"},0.{n % 10},c{n % 25}\n' for n in range(200)]
    path = write("my.csv", "id,text,sentiment,confidence,customer_id\n" + "".join(lines) + lines[0].replace("0,", "900,", 1))
    profile = look_at(path)
    assert profile.columns.named() == {"input": "text", "target": "sentiment", "id": "id"}
    assert (profile.kind, profile.scorer, profile.config) == ("closed set", "choice", {})
    assert profile.classes == {"good": 150, "bad": 50}
    assert profile.at_least == 0.88
    assert profile.group == "customer_id"
    assert (profile.rows, profile.usable) == (201, 200)
    assert profile.instruction == "Classify the text by its sentiment. Answer with one of these: bad, good. Say nothing else."
    assert "Columns that take no part: confidence." in profile.remarks
    assert climbs(path, profile) == 200


def test_prompt_and_completion(write):
    rows = [
        {"prompt": f"Tell me about topic {n}.", "completion": f"Topic {n} is a long story about many things, {n} of them."}
        for n in range(50)
    ]
    path = write("my.jsonl", rows)
    profile = look_at(path)
    assert (profile.shape, profile.columns.named(), profile.kind, profile.scorer) == ("prompt/completion", {}, "text", "overlap")
    assert climbs(path, profile) == 50


def test_chat(write):
    rows = [
        {"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": f"mail {n}"}, {
            "role": "assistant", "content": ["spam", "ham", "news"][n % 3]}], "customer": f"c{n % 15}"}
        for n in range(90)
    ]  # fmt: skip
    path = write("chat.jsonl", rows)
    profile = look_at(path)
    assert (profile.shape, profile.columns.named(), profile.kind, profile.group) == ("messages", {}, "closed set", "customer")
    assert profile.classes == {"spam": 30, "ham": 30, "news": 30}
    assert profile.instruction == "Follow the instructions of the conversation."
    assert climbs(path, profile) == 90


@pytest.mark.parametrize("shape", ["messages", "answers", "columns"])
def test_tool_calls(write, shape):
    def row(n: int):
        call = {"name": "add", "arguments": {"a": n}}
        if shape == "answers":
            return {"id": n, "query": f"add {n}", "tools": json.dumps([TOOL]), "answers": json.dumps([call])}
        if shape == "columns":
            return {
                "question": [[{"role": "user", "content": f"add {n}"}]],
                "function": [TOOL],
                "ground_truth": [{"add": {"a": [n]}}],
            }
        answer = {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": json.dumps({"a": n})}}]}
        talk = {"role": "assistant", "content": "Nothing to add."}
        return {"messages": [{"role": "user", "content": f"add {n}"}, answer if n % 5 else talk], "tools": [TOOL]}

    path = write("calls.jsonl", [row(n) for n in range(40)])
    profile = look_at(path)
    assert (profile.columns.named(), profile.kind, profile.scorer, profile.config) == ({}, "tool calls", "tool_call", {})
    assert climbs(path, profile) == 40


def people(n: int) -> dict:
    return {"name": f"Person {n}", "age": 20 + n, "since": f"2024-01-{n % 28 + 1:02}", "city": ["Rome", "Oslo"][n % 2]}


@pytest.mark.parametrize("form", ["prompt", "csv", "columns"])
def test_extraction_to_json(write, form):
    if form == "csv":
        lines = ['"{}","{}"\n'.format(f"Note {n} on a person", json.dumps(people(n)).replace('"', '""')) for n in range(60)]
        path = write("notes.csv", "note,json\n" + "".join(lines))
    elif form == "columns":
        path = write("notes.jsonl", [{"document": f"Note {n} on a person", "extracted": people(n)} for n in range(60)])
    else:
        path = write("notes.jsonl", [{"prompt": f"Note {n} on a person", "completion": json.dumps(people(n))} for n in range(60)])
    profile = look_at(path)
    named = {"prompt": {}, "csv": {"input": "note", "target": "json"}, "columns": {"input": "document", "target": "extracted"}}
    assert profile.columns.named() == named[form]
    assert (profile.kind, profile.scorer) == ("JSON object", "json_fields")
    assert profile.config == {"fields": {"name": "exact", "age": "number", "since": "date", "city": "exact"}}
    assert profile.instruction == "Reply with a JSON object with the fields name, age, since, city."
    assert climbs(path, profile) == 60


def test_numbers_and_short_answers(write):
    numbers = write("n.jsonl", [{"prompt": f"{n} times 3?", "completion": str(3 * n)} for n in range(200)])
    assert look_at(numbers).scorer == "numeric"
    words = write("w.jsonl", [{"prompt": f"Capital of land {n}?", "completion": f"City {n}"} for n in range(200)])
    assert (look_at(words).scorer, look_at(words).config) == ("exact", {"ignore_case": True, "ignore_space": True})


def test_identifiers_are_text(write):
    path = write("zip.jsonl", [{"prompt": f"Zip of place {n}?", "completion": f"{501 + 7 * n:05}"} for n in range(200)])
    profile = look_at(path)
    assert (profile.kind, profile.scorer, profile.config) == ("identifier", "exact", {})
    assert "The answers are compared as text, not as numbers: leading zeros, as in '00501'." in profile.remarks
    assert profile.instruction == "Give the number, exactly as it is written. Say nothing else."


def test_one_odd_row_changes_no_kind(write):
    numbers = [{"prompt": f"{n} times 3?", "completion": str(3 * n) if n else "nothing"} for n in range(200)]
    assert look_at(write("n.jsonl", numbers)).scorer == "numeric"
    notes = [{"prompt": f"Note {n} on a person", "completion": json.dumps(people(n)) if n else "{'broken'"} for n in range(60)]
    profile = look_at(write("notes.jsonl", notes))
    assert profile.config == {"fields": {"name": "exact", "age": "number", "since": "date", "city": "exact"}}
    assert "1 answers are no JSON object, where the others are." in profile.remarks


def test_the_only_other_column_is_the_answer(write):
    lines = "".join(f'"a text that is number {n}","{n % 7 + 1}.{n % 900 + 100:03},{n % 90 + 10}"\n' for n in range(200))
    profile = look_at(write("betrag.csv", "text,betrag\n" + lines))
    assert (profile.columns.named(), profile.scorer) == ({"input": "text", "target": "betrag"}, "numeric")
    lines = "".join(f'"a text that is number {n}","${n % 7 + 1},{n % 900 + 100:03}.50"\n' for n in range(200))
    assert look_at(write("price.csv", "description,price\n" + lines)).scorer == "numeric"


def test_worked_solutions_are_numbers(write):
    rows = [{"prompt": f"{n} times 3?", "completion": f"{n}*3 = <<{n}*3={3 * n}>>{3 * n}\n#### {3 * n}"} for n in range(200)]
    assert look_at(write("gsm.jsonl", rows)).scorer == "numeric"


def test_what_can_be_read_in_two_ways_is_told_and_written_down(write):
    rows = [
        {"prompt": f"Note {n}", "completion": json.dumps({"day": f"0{n % 9 + 1}/0{n % 8 + 1}/2024", "id": f"0{n}"})}
        for n in range(90)
    ]
    profile = look_at(write("days.jsonl", rows))
    assert profile.config == {"fields": {"day": {"kind": "date", "day_first": False}, "id": "exact"}}
    told = next(remark for remark in profile.remarks if "two ways" in remark)
    assert told.startswith("'day' can be read in two ways: '02/02/2024'") or "taken as the month first" in told
    prices = [{"prompt": f"Price of {n}?", "completion": f"{n % 9 + 1}.{n + 100}"} for n in range(200)]
    assert look_at(write("prices.jsonl", prices)).config == {"decimal": "."}


def test_rows_without_an_answer_are_left_out(write):
    lines = "".join(f"a text that is number {n},{'' if n % 10 == 0 else 'ab'[n % 2]}\n" for n in range(100))
    path = write("gaps.csv", "body,label\n" + lines)
    profile = look_at(path)
    assert profile.where == {"label": "not empty"}
    assert "10 rows without an answer are left out." in profile.remarks
    assert climbs(path, profile) == 90


def test_a_class_in_two_spellings_is_told(write):
    labels = ["Billing", "billing", "Delivery"]
    lines = "".join(f"a text that is number {n},{labels[min(n % 10, 2)]}\n" for n in range(100))
    profile = look_at(write("spelled.csv", "body,label\n" + lines))
    told = "One class in several spellings? 'Billing' (10) and 'billing' (10). Each is taken for a class of its own: mend the file"
    assert profile.remarks[0].startswith(told)


def test_a_slip_in_a_class_is_told(write):
    labels = ["Billing"] * 57 + ["billing"] + ["Delivery"] * 42
    lines = "".join(f"a text that is number {n},{label}\n" for n, label in enumerate(labels))
    profile = look_at(write("spelled.csv", "body,label\n" + lines))
    assert profile.remarks[0].startswith("One class in several spellings? 'Billing' (57) and 'billing' (1). Taken for one: mend")


def test_a_column_of_right_calls_is_found(write):
    lines = [{"question": f"What is {n}?", "answer": str(n), "calls": [{"name": "f", "arguments": {"n": n}}]} for n in range(40)]
    profile = look_at(write("calls.jsonl", "\n".join(map(json.dumps, lines))))
    assert profile.columns.named() == {"input": "question", "target": "answer", "calls": "calls"}


def test_another_encoding_is_told(write):
    lines = "".join(f"caf\u00e9 number {n} was fine,{'ab'[n % 2]}\n" for n in range(60))
    path = write("old.csv", ("text,label\n" + lines).encode("cp1252"))
    profile = look_at(path)
    assert profile.encoding == "cp1252"
    assert climbs(path, profile) == 60


def test_an_own_split_is_taken_over(write):
    names = ["train", "validation", "test"]
    path = write("own.csv", "text,label,split\n" + "".join(f"text number {n},{'ab'[n % 2]},{names[n % 3]}\n" for n in range(60)))
    profile = look_at(path)
    assert profile.columns.named() == {"input": "text", "target": "label", "split": "split"}
    assert climbs(path, profile) == 60


def test_a_large_file_gets_row_counts(write):
    path = write("big.csv", "text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(6000)))
    profile = look_at(path)
    assert profile.split == {"train": 4900, "dev": 400, "test": 700}
    assert profile.shares == {"train": "rest", "dev": 400, "test": 700}
    assert climbs(path, profile) == 6000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3,4\n5,6\n", r"(?s)no column looks like the question.*Columns: a, b"),
        ("text\nhello there\nyou all\n", "no column looks like the answer"),
        ("text,tone\nhello there,good\nyou all,good\nand them,good\n", r"(?s)looks like the answer.*says 'good' under tone"),
        ("", "the file is empty"),
    ],
)
def test_files_that_say_too_little(write, content, message):
    with pytest.raises(UserError, match=message):
        look_at(write("my.csv", content))


def test_a_profile_is_plain_values(write):
    profile = look_at(write("my.csv", "text,label\n" + "".join(f"text {n} is here,{'ab'[n % 2]}\n" for n in range(60))))
    plain = asdict(profile)
    plain.pop("reference")
    assert json.loads(json.dumps(plain))["classes"] == {"a": 30, "b": 30}
