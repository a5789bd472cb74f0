"""The tools rung: the form of the loop is chosen on dev, what passed is registered, and an adapter above learns the calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.climb.climb import climb
from rung.climb.runtime import runtime_for
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.documents import as_json
from rung.registry.home import open_home
from rung.rungs import r3_tools
from rung.rungs.base import BuildContext
from rung.rungs.calling import one_call, plain_candidate
from rung.rungs.traces import call_rows, rows_to_trace, traces
from rung.task.load import load_task
from rung.verify.tool_use import count_calls

TASK = """\
name: shop
base: scripted:model.py#model
instruction: What does it cost?
data:
  examples: rows.csv
  columns: {input: question, target: price}
  split: {train: 12, dev: 20, test: 60}
quality: {scorer: numeric, at_least: .70}
rungs: {r0_linear: {skip: true}, r1_prompt: {demonstrations: [], dev_rows: 10}, r3_tools: {demonstrations: [2], dev_rows: 20}}
tools: {file: tools.py, with: [prices.txt]}
"""
TOOLS = '''
def price(item: str) -> int:
    """The price.

    Consequence: read
    """
    with open("prices.txt") as file:
        return dict((name, int(cost)) for name, cost in (line.split() for line in file))[item]
'''
MODEL = """
import json

def model(request):
    last = request["messages"][-1]
    if last["role"] == "tool":
        return last["content"].splitlines()[-1]
    if request["constraint"] and "name" in json.dumps(request["constraint"]):
        return json.dumps({"name": "price", "arguments": {"item": last["content"]}})
    return "0"
"""


@pytest.fixture
def task_file(tmp_path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    items = [(f"item{number}", 100 + number * 7) for number in range(92)]
    (folder / "rows.csv").write_text("question,price\n" + "".join(f"{name},{cost}\n" for name, cost in items))
    (folder / "prices.txt").write_text("".join(f"{name} {cost}\n" for name, cost in items))
    (folder / "tools.py").write_text(TOOLS)
    (folder / "model.py").write_text(MODEL)
    (folder / "task.yaml").write_text(TASK)
    return folder / "task.yaml"


def test_a_climb_where_only_a_tool_helps_ends_at_the_tools_rung(task_file, home) -> None:
    with open_home(home, write=True) as opened:
        document = as_json(climb(load_task(task_file, opened.downloads), opened, progress=Silent()))
        assert document["verdict"]["rung"] == "r3_tools"
        rung = next(rung for rung in document["rungs"] if rung["rung"] == "r3_tools")
        assert rung["state"] == "passed"
        chosen = next(trial for trial in rung["trials"] if trial["chosen"])
        assert chosen["n"] == 16 and chosen["of"] == 20
        assert chosen["name"] == "one call, then the answer" and chosen["calls"]["outcomes"] == {"ran": chosen["n"]}
        assert rung["raced"]["asked"] < rung["raced"]["of"]
        candidate = opened.candidates.get("shop")
        assert candidate.tools.steps == 1
        assert opened.blobs.local(candidate.tools.files).joinpath("prices.txt").exists()
        run = next(run for run in opened.runs.of(candidate.id) if run.split == "test")
        assert run.rows[0].answer.calls[0]["outcome"] == "ran"


def test_without_tools_it_is_skipped_and_says_why(task_file, home) -> None:
    task = load_task(task_file, home)
    assert r3_tools.applies(task) == ""
    assert r3_tools.applies(replace(task, tools=None)) == "the task gives no tools (tools:)"


def test_the_lock_covers_the_tools(task_file, home) -> None:
    task = load_task(task_file, home)
    assert load_task(task_file, home).digest == task.digest
    assert replace(task, tools=replace(task.tools, unattended=("irreversible", "read"))).digest != task.digest
    (task_file.parent / "tools.py").write_text(TOOLS + "# changed\n")
    assert load_task(task_file, home).digest != task.digest
    with open_home(home, write=True) as opened:
        context = BuildContext(task, runtime_for(task, opened), home / "work", Silent())
        with pytest.raises(UserError, match="files have changed since the task was locked"):
            r3_tools.build(task, None, context)


@pytest.mark.parametrize("told", [False, True])
def test_training_rows_carry_the_calls_that_serving_will(task_file, home, told) -> None:
    task = load_task(task_file, home)
    if told:
        calls = [{"name": "price", "arguments": {"item": "item3"}}]
        task = replace(task, examples=tuple(replace(row, calls=tuple(calls)) for row in task.examples))
    with open_home(home, write=True) as opened:
        context = BuildContext(task, runtime_for(task, opened), home / "work", Silent())
        candidate = r3_tools.build(task, None, context)
        shown = traces(task.split("train"), candidate, context)
        rows = call_rows(task, task.split("train"), candidate, shown)
        first = next(row for row in task.split("train") if row.id in shown)
        asked = context.measure(candidate, "train")
    assert len(shown) == 12 and len(rows) == 24
    item = "item3" if told else first.messages[-1]["content"]
    assert rows[0].answer == f'{{"name":"price","arguments":{{"item":"{item}"}}}}'
    assert [turn["role"] for turn in rows[1].messages] == ["system", "user", "assistant", "tool"]
    assert rows[1].answer == str(first.target) and len(rows[1].tools) == 1
    assert all(row.answer.calls for row in asked.rows)


def test_worked_questions_are_drawn_and_not_the_head_of_the_file(task_file, home) -> None:
    """The file is sorted by price: its first rows are all cheap."""
    call = {"name": "price", "arguments": {"item": "item3"}}
    task = load_task(task_file, home)
    dear = [replace(row, split="train", calls=(call,) if place >= 30 else None) for place, row in enumerate(task.examples)]
    task = replace(task, examples=tuple(dear))
    ids = {row.id for row in rows_to_trace(task, 10)}
    assert len(ids) == 10 and ids != {row.id for row in dear[30:40]}
    assert ids <= {row.id for row in dear[30:]}, "rows that say which calls are right come first"
    told_by_none = replace(task, examples=tuple(replace(row, calls=None) for row in dear))
    drawn = rows_to_trace(told_by_none, 10)
    assert {row.id for row in drawn} != {row.id for row in dear[:10]}
    with open_home(home, write=True) as opened:
        context = BuildContext(told_by_none, runtime_for(told_by_none, opened), home / "work", Silent())
        candidate = one_call(plain_candidate(told_by_none, None, context))
        assert set(traces(drawn, candidate, context)) == {row.id for row in drawn}


def test_right_calls_of_which_none_gives_a_result_are_an_error(task_file, home) -> None:
    task = load_task(task_file, home)
    calls = [{"name": "price", "arguments": {"item": "no such thing"}}]
    task = replace(task, examples=tuple(replace(row, calls=tuple(calls)) for row in task.examples))
    with open_home(home, write=True) as opened:
        context = BuildContext(task, runtime_for(task, opened), home / "work", Silent())
        plain = plain_candidate(task, None, context)
        with pytest.raises(
            UserError, match=r"of 12 rows whose right calls are given, none gives a result; price .* failed: "
        ) as caught:
            traces(task.split("train"), plain, context)
    assert "with: [...]" in caught.value.hint


def test_rows_whose_right_calls_fail_are_told(task_file, home) -> None:
    class Noting(Silent):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    task, told = load_task(task_file, home), Noting()
    rows = task.split("train")
    calls = [{"name": "price", "arguments": {"item": "no such thing" if place < 3 else "item3"}} for place in range(len(rows))]
    given = {row.id: replace(row, calls=(call,)) for row, call in zip(rows, calls, strict=True)}
    task = replace(task, examples=tuple(given.get(row.id, row) for row in task.examples))
    with open_home(home, write=True) as opened:
        context = BuildContext(task, runtime_for(task, opened), home / "work", told)
        made = traces(task.split("train"), plain_candidate(task, None, context), context)
    assert set(made) == {row.id for row in rows[3:]}
    (note,) = told.notes
    assert note.startswith("3 of 12 rows whose right calls are given take no part: price ") and ", for one, failed: " in note


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        ([("f", {"a": 1})], {"right": 1}),
        ([("f", {"a": 2})], {"wrong_arguments": 1}),
        ([("g", {})], {"wrong_tool": 1}),
        ([], {"missing": 1}),
        ([("g", {}), ("f", {"a": 1})], {"right": 1, "needless": 1}),
    ],
)
def test_calls_are_counted_by_kind(made, counts) -> None:
    calls = [{"name": name, "arguments": arguments} for name, arguments in made]
    found = count_calls(calls, [{"name": "f", "arguments": {"a": 1}}], ())
    assert {kind: count for kind, count in found.items() if count} == counts
