"""A file's tools: which of its names are functions that can be called, and the schema of their arguments, through pydantic.

Runs in the worker, beside the user's code.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

# What frameworks make of a decorated function: an object that holds it, and is none.
_HOLDS = ("func", "fn", "invoke", "forward", "on_invoke_tool", "_run", "run")


def tools_of(module: types.ModuleType) -> tuple[dict[str, Callable[..., Any]], dict[str, str]]:
    """(the file's tools by name, why other public names that look like tools are none).

    A tool is a function, or a cached or partial one, or an object with `__call__` or a method of it, whose code is the file's own.
    `__all__`, where there is one, says which.
    """
    listed = getattr(module, "__all__", None)
    names = [str(name) for name in listed] if listed is not None else [name for name in vars(module) if not name.startswith("_")]
    found: dict[str, Callable[..., Any]] = {}
    left: dict[str, str] = {}
    value: Any
    for name in names:
        value = getattr(module, name, None)
        if isinstance(value, type):
            continue
        if _is_own(value, module, listed is not None):
            found[name] = value
        elif reason := _why_none(value, module):
            left[name] = reason
        elif listed is not None and value is None:
            left[name] = "`__all__` names it, and the file does not define it"
    return found, left


def _is_own(value: Any, module: types.ModuleType, listed: bool) -> bool:
    """Whether it can be called and was made in this file."""
    if isinstance(value, functools.partial):
        return True
    if inspect.isfunction(value) or inspect.ismethod(value) or hasattr(value, "cache_info"):
        home = _home(value.__self__) if inspect.ismethod(value) else value.__module__
        return callable(value) and (listed or home == module.__name__)
    return callable(value) and type(value).__module__ == module.__name__


def _home(owner: Any) -> str:
    """Where the class is from that a method belongs to: of a class method, the class that it is called on."""
    return str((owner if isinstance(owner, type) else type(owner)).__module__)


def _why_none(value: Any, module: types.ModuleType) -> str:
    """Empty for what nobody would take for a tool: a module, a constant, an imported function."""
    if inspect.isfunction(value):
        inside = getattr(value, "__code__", None)
        wraps = inside is not None and "<locals>" in value.__qualname__ and value.__module__ != module.__name__
        return "its decorator hides it: the decorator needs functools.wraps" if wraps and _closes_over(value, module) else ""
    if inspect.isroutine(value) or inspect.ismodule(value):
        return ""
    kind = type(value)
    if kind.__module__ in ("builtins", "typing", "types") or not any(callable(getattr(value, name, None)) for name in _HOLDS):
        return ""
    held = next((part for name in _HOLDS if inspect.isfunction(part := getattr(value, name, None))), None)
    if held is None or held.__module__ != module.__name__:
        return ""
    library = kind.__module__.partition(".")[0]
    return f"it is a {kind.__qualname__} of {library}: leave the decorator out, a plain function is a tool"


def _closes_over(value: Any, module: types.ModuleType) -> bool:
    """Whether a function of the file stands inside: what a decorator without functools.wraps leaves of it."""
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    return any(inspect.isfunction(cell) and cell.__module__ == module.__name__ for cell in cells)


def parameters_of(name: str, function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Its parameters, their annotations evaluated. Raises TypeError for one that a call by name cannot give."""
    found = dict(inspect.signature(_callable(function), eval_str=True).parameters)
    for key, parameter in found.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{name}: the argument '{key}' cannot be given by its name")
        if parameter.annotation is parameter.empty:
            raise TypeError(f"{name}: the argument '{key}' has no type annotation")
    return found


def _callable(function: Any) -> Callable[..., Any]:
    """What has the signature: of an object, its `__call__`, whose annotations are looked up where it was written."""
    plain = inspect.isroutine(function) or isinstance(function, functools.partial) or hasattr(function, "__wrapped__")
    return function if plain else function.__call__  # type: ignore[no-any-return]


def documented(function: Any) -> Any:
    """What its docstring stands on."""
    return function.func if isinstance(function, functools.partial) else function


def model_of(name: str, parameters: Mapping[str, inspect.Parameter]) -> Any:
    """A pydantic model of the arguments. Its fields have names of their own, and the arguments' as aliases: pydantic keeps some
    names, and all that begin with an underscore, for itself."""
    from pydantic import ConfigDict, create_model

    fields = {f"argument_{place}": _field(key, parameters[key]) for place, key in enumerate(parameters)}
    return create_model("Arguments", __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields)


def _field(key: str, parameter: inspect.Parameter) -> Any:
    from pydantic import Field
    from pydantic.fields import FieldInfo

    alias: dict[str, Any] = {"alias": key, "validation_alias": key, "serialization_alias": key}
    annotation, default = parameter.annotation, parameter.default
    if words := _said_in_metadata(annotation):
        alias["description"] = words
    if isinstance(default, FieldInfo):
        # The function's own default is pydantic's description of one.
        annotation, default = typing.Annotated[annotation, default], parameter.empty
        if not parameter.default.is_required():
            made = parameter.default.default_factory
            alias |= {"default_factory": made} if made else {"default": parameter.default.default}
        return annotation, Field(**alias)
    return annotation, Field(**alias) if default is parameter.empty else Field(default, **alias)


def _said_in_metadata(annotation: Any) -> str:
    """`Annotated[str, "the city"]` and `Annotated[str, {"description": "the city"}]` say what an argument is."""
    for part in getattr(annotation, "__metadata__", ()):
        if getattr(part, "description", None):
            return ""
        words = part.get("description") if isinstance(part, dict) else part
        if isinstance(words, str):
            return words
    return ""


def taken(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as Python will get them. Raises pydantic's ValidationError for what the annotations do not take."""
    parameters = parameters_of(name, function)
    described = [key for key, parameter in parameters.items() if type(parameter.default).__name__ == "FieldInfo"]
    if not described and all(key in parameters and _fits(parameters[key].annotation, value) for key, value in arguments.items()):
        return dict(arguments)
    read = model_of(name, parameters).model_validate(dict(arguments))
    given = {key: getattr(read, f"argument_{place}") for place, key in enumerate(parameters)}
    return {key: value for key, value in given.items() if key in arguments or key in described}


def _fits(annotation: Any, value: Any) -> bool:
    """Whether JSON's value already is what the annotation asks for, type for type, so that pydantic need not be imported."""
    if any(annotation is kind for kind in (str, int, float, bool)):
        return type(value) is annotation
    if annotation is Any or annotation is None:
        return annotation is Any or value is None
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin is typing.Union or origin is types.UnionType:
        return any(value is None if part is type(None) else _fits(part, value) for part in parts)
    if (origin or annotation) is list:
        return type(value) is list and all(_fits(parts[0], item) for item in value if parts)
    named = (origin or annotation) is dict and type(value) is dict
    return named and (not parts or (parts[0] is str and all(_fits(parts[1], item) for item in value.values())))
