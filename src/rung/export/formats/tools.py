"""The tools: as OpenAI's API and MCP list them, with each one's consequence and limits, and their source as it was locked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from rung.export.base import Agreement, version_in
from rung.export.forms.tool_forms import MCP, OPENAI, SOURCE, WHOLE, as_mcp, as_openai, no_openai, read_otherwise
from rung.export.subject import Subject
from rung.json_form import as_json
from rung.types import Candidate

EXTRA = "mcp"
READER = "mcp"
CARRIES = frozenset({"tools"})


def fits(candidate: Candidate) -> str:
    """It must have tools."""
    return "" if candidate.tools else "it has no tools"


def write(subject: Subject, folder: Path) -> None:
    """`tools.json` says all of them, `mcp.json` and `openai.json` what a model is offered; `source/` holds their files."""
    tools = subject.candidate.tools
    assert tools
    _put(folder / WHOLE, as_json(tools))
    _put(folder / MCP, as_mcp(tools.toolset))
    if not no_openai(tools.toolset):
        _put(folder / OPENAI, as_openai(tools.toolset))
    if tools.files:
        shutil.copytree(subject.blobs.local(tools.files), folder / SOURCE, copy_function=shutil.copyfile)


def check(subject: Subject, folder: Path) -> Agreement:
    """MCP's own classes read the list; every schema is held against JSON Schema; what is read must be what was locked."""
    tools = subject.candidate.tools
    assert tools
    faults = read_otherwise(tools, folder)
    return Agreement(
        reader=version_in("mcp"),
        measure="tools that are read otherwise, and faults of schemas",
        value=len(faults),
        limit=0,
        rows=len(tools.toolset.tools),
        about="; ".join(faults[:3]),
    )


def notes(subject: Subject) -> list[str]:
    """What such lists cannot hold anybody to."""
    tools = subject.candidate.tools
    assert tools
    held = ", ".join(tools.toolset.unattended) or "none"
    found = [
        f"That only tools of the consequence {held} run without a person's consent, and each call's limits, are said in {WHOLE} "
        "and kept by rung alone: whoever calls them elsewhere has to see to it."
    ]
    if problem := no_openai(tools.toolset):
        found.append(f"There is no {OPENAI}: {problem}.")
    if tools.toolset.servers:
        named = ", ".join(server.name for server in tools.toolset.servers)
        found.append(f"Servers are not in it, only how they are reached and a digest of what they offered: {named}.")
    if tools.files:
        found.append(f"{SOURCE}/ holds code: rung runs it under guard, and has not judged what it does.")
    return found


def _put(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", "ascii")
