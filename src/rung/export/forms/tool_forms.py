"""A set of tools as others list theirs. Names and schemas are put as their readers take them; what that loses is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rung.disk import tree_digest
from rung.json_form import Misfit, from_json
from rung.parts import Tool, ToolSet, ToolUse

WHOLE, MCP, OPENAI, SOURCE = "tools.json", "mcp.json", "openai.json", "source"
# What OpenAI's API takes for a function's name.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def as_mcp(tools: ToolSet) -> dict[str, Any]:
    """What a server answers to `tools/list`. A consequence becomes MCP's hints, as far as they go."""
    return {"tools": [{**_named(tool), "inputSchema": _object(tool), "annotations": _hints(tool)} for tool in tools.tools]}


def as_openai(tools: ToolSet) -> list[dict[str, Any]]:
    """The value of `tools` in a request to the chat API: a schema without `properties` gets none, and `$schema` is left out, which
    the API takes for a fault."""
    return [{"type": "function", "function": {**_named(tool), "parameters": _parameters(tool.parameters)}} for tool in tools.tools]


def no_openai(tools: ToolSet) -> str:
    """Why OpenAI's API would not take the list, or ""."""
    odd = [tool.name for tool in tools.tools if not _NAME.fullmatch(tool.name)]
    return f"its API takes no tool of the name {odd[0]!r} (letters, digits, _ and -, at most 64)" if odd else ""


def read_otherwise(tools: ToolUse, folder: Path) -> list[str]:
    """What of the files is not what was locked once their readers have read them, and faults of schemas; in words."""
    return [*_whole_faults(tools, folder), *_mcp_faults(tools.toolset, folder), *_openai_faults(tools.toolset, folder)]


def _whole_faults(tools: ToolUse, folder: Path) -> Iterator[str]:
    try:
        read = from_json(ToolUse, json.loads((folder / WHOLE).read_text("ascii")))
    except (Misfit, ValueError) as error:
        yield f"{WHOLE}: {error}"
        return
    if read != tools:
        yield f"{WHOLE} says other tools"
    if tools.files and tree_digest(folder / SOURCE) != tools.files:
        yield f"{SOURCE} holds other files"


def _mcp_faults(tools: ToolSet, folder: Path) -> Iterator[str]:
    from mcp.types import ListToolsResult

    try:
        read = ListToolsResult.model_validate(json.loads((folder / MCP).read_text("ascii")))
    except ValueError as error:
        yield f"{MCP}: {error}"
        return
    again = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in read.tools]
    found = {one["name"]: (one.get("description", ""), one["inputSchema"]) for one in again}
    for tool in tools.tools:
        if found.get(tool.name) != (tool.description, _object(tool)):
            yield f"{MCP} says another {tool.name}"
    if len(again) != len(tools.tools):
        yield f"{MCP} lists {len(again)} tools"


def _openai_faults(tools: ToolSet, folder: Path) -> Iterator[str]:
    from jsonschema import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    if not (folder / OPENAI).is_file():
        return
    listed = json.loads((folder / OPENAI).read_text("ascii"))
    for tool, one in zip(tools.tools, listed, strict=True):
        function, schema = one["function"], one["function"]["parameters"]
        if (function["name"], function.get("description", "")) != (tool.name, tool.description):
            yield f"{OPENAI} says another {tool.name}"
        try:
            validator_for(schema, default=Draft202012Validator).check_schema(schema)
        except SchemaError as error:
            yield f"{OPENAI}: the schema of {tool.name}: {error.message}"


def _named(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description}


def _hints(tool: Tool) -> dict[str, bool]:
    if tool.consequence == "read":
        return {"readOnlyHint": True}
    return {"readOnlyHint": False, "destructiveHint": tool.consequence == "irreversible"}


def _object(tool: Tool) -> dict[str, Any]:
    """A tool's schema as MCP wants it: of an object."""
    return {"type": "object", **tool.parameters}


def _parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key != "$schema"}
    return {"type": "object", "properties": {}, **kept}
