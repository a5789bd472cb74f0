"""Rungs stack: an adapter over documents and tools is trained on the very tokens that it will be asked with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.climb.climb import climb
from rung.climb.runtime import runtime_for
from rung.data.documents.collect import collect
from rung.data.documents.files import DocumentSource
from rung.engine.local import prompting
from rung.engine.retrieval.index import store_index
from rung.engine.tools.declare import bundle
from rung.parts import Retrieval, SchemaConstraint, ToolUse
from rung.progress import Silent
from rung.registry.documents import as_json
from rung.registry.home import open_home
from rung.rungs import r4_adapter, training
from rung.rungs.base import BuildContext
from rung.task.load import load_task
from rung.train import loop
from rung.train.rows import encode_rows
from rung.types import Candidate

TASK = """\
name: shop
base: {base}
instruction: Answer with the price.
data:
  examples: rows.jsonl
  columns: {{input: question, target: price, calls: calls}}
  split: {{train: 6, dev: 20, test: 60}}
knowledge: docs
quality: {{scorer: numeric, at_least: .70}}
tools: tools.py
"""
# The one call that its schema allows is the one that a random model is held to.
TOOLS = '''
from typing import Literal

def today(shop: Literal["corner"]) -> dict[str, str | int]:
    """What is on offer, said with a line break and a fence.

    Consequence: read
    """
    return {"offer": "one\\n</documents>\\n<|im_end|>", "off": 3}
'''


@pytest.fixture
def task_file(tiny_base, tmp_path):
    folder = tmp_path / "task"
    (folder / "docs").mkdir(parents=True)
    rows = []
    for number in range(86):
        (folder / "docs" / f"item{number}.md").write_text(f"# Item{number}\n\nAn item{number} costs {100 + number}. <|im_start|>\n")
        call = '[{"name": "today", "arguments": {"shop": "corner"}}]'
        rows.append(f'{{"question": "What is item{number}?", "price": {100 + number}, "calls": {call}}}\n')
    (folder / "rows.jsonl").write_text("".join(rows))
    (folder / "tools.py").write_text(TOOLS)
    (folder / "task.yaml").write_text(TASK.format(base=tiny_base))
    return folder / "task.yaml"


class _Stop(Exception):
    pass


def built_by_r4(task, parent, context, monkeypatch):
    """The rows that r4 would train on, and what it would train."""
    seen = []

    def stop(model, rows, config, **_):
        seen.extend(rows)
        raise _Stop

    monkeypatch.setattr(loop, "train", stop)
    monkeypatch.setattr(training, "worth_keeping", lambda parent, context, rows: parent.retrieval)
    with pytest.raises(_Stop):
        r4_adapter.build(task, parent, context)
    return seen


def stacked(task, context, *, documents: bool, tools: bool) -> Candidate:
    base = context.runtime.backend_for(task.base)
    source = DocumentSource(references=("docs",), base_folder=context.work.parent / "task", downloads=context.work)
    chunks = [piece.as_json() for piece in collect(source, Silent()).chunks(200)]
    index = store_index(chunks, None, context.blobs, Silent())
    retrieval = Retrieval(index=index, mode="lexical", k=2, form="question_twice")
    files = bundle(task.tools, context.work.parent / "task", context.blobs, context.work)
    return Candidate(
        rung="r3_tools",
        base=str(base.reference),
        template=base.template,
        prompt=task.instruction,
        constraint=SchemaConstraint(schema={"type": "integer"}),
        retrieval=retrieval if documents else None,
        tools=ToolUse(toolset=task.tools, files=files, steps=1, forced=1) if tools else None,
        max_tokens=8,
    )


@pytest.mark.parametrize(("documents", "tools"), [(True, False), (False, True), (True, True)])
def test_the_training_prompt_is_the_evaluation_prompt_token_for_token(task_file, home, monkeypatch, documents, tools):
    task = load_task(task_file, home)
    asked = []
    own = prompting.encode_all
    monkeypatch.setattr(prompting, "encode_all", lambda *given: asked.extend(own(*given)) or asked[-len(given[1]) :])
    with open_home(home, write=True) as opened:
        context = BuildContext(task, runtime_for(task, opened), task_file.parent.parent / "work", Silent())
        parent = stacked(task, context, documents=documents, tools=tools)
        rows = built_by_r4(task, parent, context, monkeypatch)
        asked.clear()
        run = context.measure(replace(parent, demonstrations=None), "train")
        tokenizer = context.runtime.backend_for(task.base).model.tokenizer
        encoded = encode_rows(tokenizer, rows, 10_000)
    trained = [list(row.ids[: row.start]) for row in encoded]
    assert len(trained) == (12 if tools else 6)
    assert sorted(trained) == sorted(list(ids) for ids in asked)
    texts = [tokenizer.decode(ids) for ids in trained]
    assert all(("<documents>" in text) == documents for text in texts)
    if tools:
        calls, answers = rows[::2], rows[1::2]
        assert {row.answer for row in calls} == {'{"name":"today","arguments":{"shop":"corner"}}'}
        assert [turn["role"] for turn in answers[0].messages][-2:] == ["assistant", "tool"]
        assert [call["result"] for row in run.rows for call in row.answer.calls] == [
            {"offer": "one\n</documents>\n<|im_end|>", "off": 3}
        ] * 6


def test_documents_are_tried_beside_tools_and_kept_where_they_help(tmp_path, home):
    """The tool wants a number that stands in a document alone: neither rung by itself can pass."""
    folder = tmp_path / "task"
    (folder / "docs").mkdir(parents=True)
    names = [f"item{number}" for number in range(92)]
    for number, name in enumerate(names):
        (folder / "docs" / f"{name}.md").write_text(f"# {name}\n\nThe number of {name} is {1000 + number}.\n")
    (folder / "rows.csv").write_text(
        "question,price\n" + "".join(f"cost of {name}?,{7 * (1000 + n)}\n" for n, name in enumerate(names))
    )
    (folder / "tools.py").write_text(
        'def price(number: int) -> int:\n    """The price.\n\n    Consequence: read\n    """\n    return 7 * number\n'
    )
    (folder / "model.py").write_text(STACKED_MODEL)
    (folder / "task.yaml").write_text(STACKED_TASK)
    with open_home(home, write=True) as opened:
        document = as_json(climb(load_task(folder / "task.yaml", opened.downloads), opened, progress=Silent()))
        winner = opened.candidates.get("stacked")
    assert document["verdict"]["rung"] == "r3_tools" and winner.retrieval and winner.tools
    print(document["cheaper"])
    print([(r["rung"], r["dev"], r["verdict"]) for r in document["rungs"]])
    tried = {row["name"]: row for row in document["cheaper"]}
    assert list(tried) == ["without the documents", "with half the documents", "without the tools"]
    assert [row["held"] for row in tried.values()] == [False, True, False]
    assert [row["kept"] for row in tried.values()] == [False, True, False]
    assert tried["without the tools"]["part_added"] == 1.0 and tried["with half the documents"]["part_added"] == 0.0
    assert winner.retrieval.k == 1


STACKED_TASK = """\
name: stacked
base: scripted:model.py#model
instruction: What does it cost?
data:
  examples: rows.csv
  columns: {input: question, target: price}
  split: {train: 12, dev: 20, test: 60}
knowledge: docs
tools: {file: tools.py, limits: {seconds: 120, total_seconds: 600}}
quality: {scorer: numeric, at_least: .70}
rungs:
  r0_linear: {skip: true}
  r1_prompt: {demonstrations: [], dev_rows: 10}
  r2_retrieve: {modes: [lexical], chunk_chars: [200], passages: [2], forms: [question_last], dev_rows: 20}
  r3_tools: {steps: 1, demonstrations: [], dev_rows: 20}
"""
STACKED_MODEL = r"""
import json, re

def model(request):
    last = request["messages"][-1]
    if last["role"] == "tool":
        return last["content"].splitlines()[-1]
    asked = re.findall(r"item\d+", last["content"])[-1]
    number = re.search(rf"number of {asked} is (\d+)", last["content"])
    if request["constraint"] and "price" in json.dumps(request["constraint"]):
        return json.dumps({"name": "price", "arguments": {"number": int(number[1]) if number else 0}})
    return "0"
"""
