"""Runs inside the guard: describes a file's functions, or calls one. Reads a job from standard input, writes one JSON object.

A public function of the file is a tool. Its arguments' schema comes from its annotations through pydantic, its description from its
docstring, its consequence from a `consequence` attribute or a docstring line `Consequence: read`.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONSEQUENCES = ("read", "reversible", "irreversible")
_PLAIN = {str, int, float, bool, list, dict, type(None), Any}


def main() -> None:
    """Everything that the tool prints goes nowhere: only the answer reaches Rung."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        os.dup2(os.open(os.devnull, flags), number)
    try:
        said = {"result": _describe(job["file"]) if job["mode"] == "describe" else _call(job)}
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


def _functions(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_") and value.__module__ == module.__name__
    }


def _describe(file: str) -> list[dict[str, Any]]:
    return [_tool(name, function) for name, function in _functions(_module(file)).items()]


def _tool(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    words, told = _docstring(function)
    stated = getattr(function, "consequence", told)
    consequence = stated or "irreversible"
    if consequence not in CONSEQUENCES:
        raise ValueError(f"{name}: the consequence '{consequence}' is none of {', '.join(CONSEQUENCES)}")
    schema = _untitled(_arguments(name, function).model_json_schema())
    return {"name": name, "description": words, "parameters": schema, "consequence": consequence, "stated": bool(stated)}


def _docstring(function: Callable[..., Any]) -> tuple[str, str]:
    lines = (inspect.getdoc(function) or "").splitlines()
    told = [line.split(":", 1)[1].strip().rstrip(".").lower() for line in lines if line.lower().startswith("consequence:")]
    words = " ".join(line.strip() for line in lines if line.strip() and not line.lower().startswith("consequence:"))
    return words, told[0] if told else ""


def _arguments(name: str, function: Callable[..., Any]) -> Any:
    """A pydantic model of a function's arguments."""
    from pydantic import ConfigDict, create_model

    fields: dict[str, Any] = {}
    for key, parameter in inspect.signature(function, eval_str=True).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{name}: the argument '{key}' cannot be given by its name")
        if parameter.annotation is parameter.empty:
            raise TypeError(f"{name}: the argument '{key}' has no type annotation")
        fields[key] = (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: prompt tokens that say nothing."""
    if isinstance(schema, dict):
        return {key: _untitled(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    return [_untitled(item) for item in schema] if isinstance(schema, list) else schema


def _call(job: dict[str, Any]) -> Any:
    function = _functions(_module(job["file"]))[job["name"]]
    arguments = job["arguments"]
    if not all(_is_plain(p.annotation) for p in inspect.signature(function, eval_str=True).parameters.values()):
        read = _arguments(job["name"], function).model_validate(arguments)
        arguments = {key: getattr(read, key) for key in arguments}
    result = function(**arguments)
    if inspect.iscoroutine(result):
        import asyncio

        result = asyncio.run(result)
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the result is not JSON: {error}") from None
    return result


def _is_plain(annotation: Any) -> bool:
    """Whether JSON's own values already are what the annotation asks for, so that pydantic need not be imported."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return True
    if origin in (typing.Union, types.UnionType, list, dict):
        return all(_is_plain(part) for part in typing.get_args(annotation))
    return annotation in _PLAIN


if __name__ == "__main__":
    main()
