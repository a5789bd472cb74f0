"""Tools listed as OpenAI's API and MCP take them, and their source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from versions_made import prompt_candidate, read_bytes, subject, tool, tools_candidate, written

from rung.export.formats import tools
from rung.registry.home import Home

pytest.importorskip("mcp")
FILES = {"tools.py": "def find_order(number: str) -> str:\n    return number\n"}


def said(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text("ascii"))


def test_all_of_them_are_read_as_they_were_locked(registry: Home, tmp_path: Path) -> None:
    made = subject(
        registry,
        tools_candidate(
            registry, [tool(), tool("cancel", consequence="irreversible"), tool("note", consequence="reversible")], FILES
        ),
    )
    folder = written(made, tools, tmp_path / "tools")
    found = tools.check(made, folder)
    assert found.holds and found.rows == 3, found.said
    hints = [one["annotations"] for one in said(folder, "mcp.json")["tools"]]
    assert hints == [
        {"readOnlyHint": True},
        {"readOnlyHint": False, "destructiveHint": True},
        {"readOnlyHint": False, "destructiveHint": False},
    ]
    assert said(folder, "openai.json")[0]["function"]["parameters"]["required"] == ["number"]
    assert (folder / "source" / "tools.py").read_text() == FILES["tools.py"]
    assert read_bytes(folder) == read_bytes(written(made, tools, tmp_path / "again"))
    assert "without a person's consent" in tools.notes(made)[0]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "$schema": "http://json-schema.org/draft-07/schema#", "additionalProperties": False},
    ],
)
def test_a_schema_without_properties_gets_none_and_no_schema_word_for_openai(
    schema: dict[str, Any], registry: Home, tmp_path: Path
) -> None:
    made = subject(registry, tools_candidate(registry, [tool(parameters=schema)]))
    folder = written(made, tools, tmp_path / "tools")
    parameters = said(folder, "openai.json")[0]["function"]["parameters"]
    assert parameters["type"] == "object" and parameters["properties"] == {} and "$schema" not in parameters
    assert said(folder, "mcp.json")["tools"][0]["inputSchema"]["type"] == "object"
    assert tools.check(made, folder).holds, tools.check(made, folder).said
    assert not (folder / "source").exists()


@pytest.mark.parametrize("name", ["orders.find", "größe", "x" * 65, "two words"])
def test_a_name_that_openai_does_not_take_leaves_its_list_out_and_says_so(name: str, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, tools_candidate(registry, [tool(name)]))
    folder = written(made, tools, tmp_path / "tools")
    assert not (folder / "openai.json").exists()
    assert tools.check(made, folder).holds
    assert any("There is no openai.json: its API takes no tool of the name" in note for note in tools.notes(made))


def test_what_is_changed_is_found(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, tools_candidate(registry, [tool()], FILES))
    for number, (name, old, new) in enumerate(
        [
            ("mcp.json", "Finds", "Cancels"),
            ("openai.json", "Finds", "Cancels"),
            ("tools.json", '"read"', '"reversible"'),
            ("openai.json", '"string"', '"sting"'),
            ("source/tools.py", "return number", "return open(number).read()"),
            ("mcp.json", "inputSchema", "schema"),
        ]
    ):
        folder = written(made, tools, tmp_path / f"{number}")
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        assert not tools.check(made, folder).holds, name


def test_without_tools_there_are_none(registry: Home) -> None:
    assert tools.fits(prompt_candidate(registry)) == "it has no tools"
