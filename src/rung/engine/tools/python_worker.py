"""Runs inside the guard: describes a file's functions, or calls one. Reads a job from standard input, writes one JSON object.

What of a file is a tool, and its arguments' schema, `tool_signatures` says; its description is its docstring, its consequence comes
from a `consequence` attribute or a docstring line `Consequence: read`.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from tool_results import as_json
from tool_signatures import documented, model_of, parameters_of, taken, tools_of

sys.path.pop(0)

CONSEQUENCES = ("read", "reversible", "irreversible")


def main() -> None:
    """Everything that the tool prints goes nowhere: only the answer reaches Rung."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        os.dup2(os.open(os.devnull, flags), number)
    try:
        said = {"result": _describe(job["file"])} if job["mode"] == "describe" else _call(job)
        text = json.dumps(said, ensure_ascii=False, allow_nan=False)
    except BaseException as error:
        place = _place(error, job["file"]) if job["mode"] == "describe" else ""
        text = json.dumps({"error": f"{type(error).__name__}: {error}"[:400] + place})
    with os.fdopen(channel, "wb") as out:
        out.write(text.encode("utf-8", "backslashreplace"))
        out.flush()
        os._exit(0)


def _place(error: BaseException, file: str) -> str:
    """` (file, line 3)`: the last line of the user's file that an error came through; a SyntaxError says so itself."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).absolute() == Path(file).absolute()
    ]
    return f" ({file}, line {lines[-1]})" if lines and not isinstance(error, SyntaxError) else ""


def _module(file: str) -> types.ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.spec_from_file_location("rung_user_tools", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _describe(file: str) -> dict[str, Any]:
    """The tools, and of each name that is none but looks like one, why."""
    module = _module(file)
    found, left = tools_of(module)
    tools, faults = [], [{"name": name, "fault": reason, "line": 0} for name, reason in left.items()]
    for name, function in found.items():
        try:
            tools.append(_tool(name, function))
        except Exception as error:
            faults.append({"name": name, "fault": _said(error, name), "line": _line(function)})
    return {"tools": tools, "faults": faults}


def _said(error: Exception, name: str) -> str:
    """An error's first line; our own begin with the tool's name already."""
    own = isinstance(error, TypeError | ValueError) and str(error).startswith(f"{name}: ")
    first = (str(error).splitlines() or [""])[0]
    return first.removeprefix(f"{name}: ") if own else f"{type(error).__name__}: {first}"[:400]


def _line(function: Any) -> int:
    code = getattr(inspect.unwrap(documented(function)), "__code__", None)
    return code.co_firstlineno if code else 0


def _tool(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    words, told = _docstring(documented(function))
    stated = getattr(function, "consequence", getattr(documented(function), "consequence", told))
    consequence = stated or "irreversible"
    if consequence not in CONSEQUENCES:
        raise ValueError(f"{name}: the consequence '{consequence}' is none of {', '.join(CONSEQUENCES)}")
    schema = _untitled(model_of(name, parameters_of(name, function)).model_json_schema(by_alias=True))
    return {"name": name, "description": words, "parameters": schema, "consequence": consequence, "stated": bool(stated)}


def _docstring(function: Callable[..., Any]) -> tuple[str, str]:
    lines = (inspect.getdoc(function) or "").splitlines()
    told = [line.split(":", 1)[1].strip().rstrip(".").lower() for line in lines if line.lower().startswith("consequence:")]
    words = " ".join(line.strip() for line in lines if line.strip() and not line.lower().startswith("consequence:"))
    return words, told[0] if told else ""


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: prompt tokens that say nothing."""
    if isinstance(schema, dict):
        return {key: _untitled(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    return [_untitled(item) for item in schema] if isinstance(schema, list) else schema


def _call(job: dict[str, Any]) -> dict[str, Any]:
    """What it gave, or why its arguments are wrong."""
    name = job["name"]
    function = tools_of(_module(job["file"]))[0][name]
    try:
        arguments = taken(name, function, job["arguments"])
    except ValueError as error:
        return {"refused": _wrong(error)}
    result = function(**arguments)
    if inspect.isawaitable(result):
        result = _awaited(result)
    elif inspect.isasyncgen(result):
        result = _awaited(_gathered(result))
    try:
        return {"result": as_json(result)}
    except TypeError as error:
        raise TypeError(f"the result is not JSON: {error}") from None


def _wrong(error: ValueError) -> str:
    """Of pydantic's complaints the first: where, and what."""
    complaints = getattr(error, "errors", None)
    if complaints is None:
        return str(error)[:300]
    first = complaints()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _awaited(awaitable: Any) -> Any:
    """The result of what can be awaited."""
    import asyncio

    async def waited() -> Any:
        return await awaitable

    return asyncio.run(waited())


async def _gathered(results: Any) -> list[Any]:
    return [result async for result in results]


if __name__ == "__main__":
    main()
