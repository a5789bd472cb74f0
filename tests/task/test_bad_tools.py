"""A task whose tools are not all usable: refused with every one of them, or told and gone on without."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.task.load import load_task
from rung.types import Task

TOOLS = '"""Tools."""\n\ndef good(n: int) -> int:\n    """Consequence: read"""\n    return n\n\ndef bare(n) -> int:\n    return n\n'


def load(folder: Path, said: str) -> Task:
    rows = [f'{{"question": "q {number}?", "answer": "{number}"}}' for number in range(60)]
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    (folder / "tools.py").write_text(TOOLS, "utf-8")
    head = "name: t\nbase: scripted:answers.py#answer\ninstruction: Answer.\nquality: {scorer: exact, at_least: .5}\n"
    data = "data: {examples: rows.jsonl, columns: {input: question, target: answer}}\n"
    (folder / "task.yaml").write_text(f"{head}{data}tools: {said}\n", "utf-8")
    return load_task(folder / "task.yaml", folder / "downloads")


def test_it_goes_on_without_a_bad_tool_where_the_file_says_so(tmp_path) -> None:
    task = load(tmp_path, "{file: tools.py, bad_tools: leave out}")
    assert task.tools and [tool.name for tool in task.tools.tools] == ["good"]
    said = [finding.message for finding in task.findings if finding.check == "tools"]
    assert said == ["a tool is left out: bare (tools.py:7): the argument 'n' has no type annotation"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("tools.py", "tools.py:7: the tool 'bare' cannot be used: the argument 'n' has no type annotation"),
        ("{file: tools.py, bad_tools: skip}", "bad_tools"),
    ],
)
def test_else_it_is_refused(tmp_path, said, message) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, said)
    assert message in str(caught.value)
