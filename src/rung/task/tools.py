"""The `tools:` key of a task file: a Python file, a list of files and servers, or everything in full."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rung.engine.tools.declare import Declaration, declare
from rung.errors import UserError
from rung.parts import CallLimits, RecordedResult, ToolServer, ToolSet
from rung.types import Example, Finding

Consequence = Literal["read", "reversible", "irreversible"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LimitsSpec(_Strict):
    """What one call may take (`parts.CallLimits`)."""

    seconds: float = Field(default=10.0, gt=0, le=600)
    memory_mb: int = Field(default=512, ge=64)
    output_kb: int = Field(default=256, ge=1, le=65536)
    processes: int = Field(default=8, ge=1)
    result_characters: int = Field(default=2000, ge=10)
    total_seconds: float = Field(default=60.0, gt=0)


class ServerSpec(_Strict):
    """An MCP server: a command that speaks over its standard input and output, or an HTTP address.

    `env` names the environment variables that it is given; no others are.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    command: list[str] | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, pattern=r"^https?://")
    env: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_kind(self) -> ServerSpec:
        if (self.command is None) == (self.url is None):
            raise ValueError("an MCP server has either a 'command' or a 'url'")
        return self


class ToolsSpec(_Strict):
    """`tools: tools.py`, `tools: [tools.py, {name, command | url}]`, or these keys."""

    files: list[str] = Field(default_factory=list)
    beside: list[str] = Field(default_factory=list, alias="with")
    mcp: list[ServerSpec] = Field(default_factory=list)
    unattended: tuple[Consequence, ...] = Field(default=("read",), strict=False)
    consequences: dict[str, Consequence] = Field(default_factory=dict)
    limits: LimitsSpec = LimitsSpec()
    recorded: str | None = None
    bad_tools: Literal["refuse", "leave out"] = "refuse"

    @model_validator(mode="after")
    def _something(self) -> ToolsSpec:
        if not self.files and not self.mcp:
            raise ValueError("'tools' names neither a Python file nor an MCP server")
        if len({server.name for server in self.mcp}) != len(self.mcp):
            raise ValueError("two MCP servers have one name")
        return self


def in_full(value: Any) -> Any:
    """The short forms written out; `file: x` as `files: [x]`. Anything else is left for the model to refuse."""
    if isinstance(value, str):
        return {"files": [value]}
    if isinstance(value, list):
        files = [item for item in value if not isinstance(item, Mapping)]
        return {"files": files, "mcp": [item for item in value if isinstance(item, Mapping)]}
    if isinstance(value, Mapping) and "file" in value and "files" not in value:
        return {"files": [value["file"]], **{key: item for key, item in value.items() if key != "file"}}
    return value


def task_tools(spec: ToolsSpec | None, folder: Path, examples: tuple[Example, ...]) -> ToolSet | None:
    """Task.tools. Raises UserError where the tools cannot be read, or rows bring tools of their own that nobody could run."""
    if spec is None:
        return None
    own = next((row for row in examples if row.tools), None)
    if own is not None:
        raise UserError(
            "the row offers tools of its own, which cannot be run",
            where=own.source,
            hint="Leave out 'tools:', or the rows' own tools.",
        )
    said = Declaration(
        files=tuple(spec.files),
        beside=tuple(spec.beside),
        servers=tuple(ToolServer(name=one.name, command=_frozen(one.command), url=one.url, env=tuple(one.env)) for one in spec.mcp),
        unattended=spec.unattended,
        consequences=spec.consequences,
        limits=CallLimits(**spec.limits.model_dump()),
        recorded=_recorded(folder / spec.recorded) if spec.recorded else (),
        leave_out_bad=spec.bad_tools == "leave out",
    )
    return declare(said, folder)


def about_left_out(tools: ToolSet | None) -> list[Finding]:
    """The tools that the task goes on without."""
    left = tools.left_out if tools else ()
    return [Finding(severity="warning", check="tools", message=f"a tool is left out: {said}", count=1) for said in left]


def _frozen(command: list[str] | None) -> tuple[str, ...] | None:
    return tuple(command) if command else None


def _recorded(path: Path) -> tuple[RecordedResult, ...]:
    """Results that stand in for calls: lines of {"name", "arguments", "result"}."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the recorded results cannot be read: {error}", where=str(path)) from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or set(row) != {"name", "arguments", "result"}:
            raise UserError('not of the form {"name", "arguments", "result"}', where=f"{path}:{number}")
        rows.append(RecordedResult(**row))
    return tuple(rows)
