"""YAML 1.2 with the line of every key, so that an error can say where it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rung.errors import UserError
from rung.task.yaml12 import Loader
from rung.verify.problems import Path as KeyPath
from rung.verify.problems import Problem

MAX_BYTES = 1 << 20
MAX_NODES = 20_000  # aliases may name each other over and over: a few lines can stand for billions of nodes


@dataclass(frozen=True, kw_only=True)
class Located:
    """A file's value and the line, from 1, on which each key stands. `shown` is how messages name the file.

    written  the text of every scalar that YAML takes for something else: 01234 for 1234
    """

    value: Any
    shown: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    written: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, path: KeyPath) -> str:
        """`file:line` of a key, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.shown}:{self.lines.get(path, 1)}"

    def error(self, problems: list[Problem], hint: str = "") -> UserError:
        """One error that tells every problem, in the order of their lines."""
        ordered = sorted(problems, key=lambda problem: int(self.where(problem.path).rpartition(":")[2]))
        if len(ordered) == 1:
            return UserError(ordered[0].text, where=self.where(ordered[0].path), hint=hint)
        listing = [f"{self.where(problem.path)}: {problem.text}" for problem in ordered]
        return UserError("\n  ".join([f"{len(ordered)} problems", *listing]), where=self.shown, hint=hint)


def read_yaml(path: Path) -> Located:
    """The mapping that a YAML file holds. Raises UserError for a file that is missing, no text, no YAML, or names a key twice."""
    shown = str(path)
    text = _read_text(path)
    try:
        loader = Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, shown) from None
    except (yaml.reader.ReaderError, RecursionError) as error:
        raise UserError(f"this is no YAML: {str(error).splitlines()[0]}", where=shown) from None
    if not isinstance(node, yaml.MappingNode):
        problem = "the file is empty" if node is None else "this is no mapping of keys to values"
        raise UserError(problem, where=f"{shown}:1", hint="Begin with `name: my-task`; `rung init DATA` writes a whole file.")
    reader = _Reader(loader, shown)
    value = reader.value(node, (), ())
    located = Located(value=value, shown=shown, lines=reader.lines, written=reader.written)
    if reader.problems:
        raise located.error(reader.problems)
    return located


def error_in(path: str, problems: list[Problem]) -> UserError:
    """One error for what is wrong with a task file that was read before; with lines, where the file can still be read."""
    return _read_again(path).error(problems)


def place_in(path: str, key: KeyPath) -> str:
    """`file:line` of a key of a task file that was read before, where the file can still be read."""
    return _read_again(path).where(key)


def _read_again(path: str) -> Located:
    try:
        return read_yaml(Path(path))
    except UserError:
        return Located(value={}, shown=path or "task")


class _Reader:
    """Turns nodes into values, and notes lines and faults as it goes."""

    def __init__(self, loader: yaml.SafeLoader, shown: str) -> None:
        self.loader, self.shown = loader, shown
        self.lines: dict[KeyPath, int] = {}
        self.written: dict[KeyPath, str] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def value(self, node: yaml.Node, path: KeyPath, around: tuple[yaml.Node, ...]) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or any(node is outer for outer in around):
            line = node.start_mark.line + 1
            raise UserError("aliases stand for too much", where=f"{self.shown}:{line}", hint="Write the values out.")
        inside = (*around, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self._at(item, (*path, index), item, inside) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, inside: tuple[yaml.Node, ...]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            # Keys are taken as written: `no:` and `1:` are names, not false and one.
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            inner = (*path, key)
            if key in found:
                line = key_node.start_mark.line + 1
                self.problems.append(Problem((*inner, "again"), f"the key '{key}' stands at line {self.lines[inner]} already"))
                self.lines[(*inner, "again")] = line
                continue
            found[key] = self._at(key_node, inner, value_node, inside)
        return found

    def _at(self, mark: yaml.Node, path: KeyPath, node: yaml.Node, inside: tuple[yaml.Node, ...]) -> Any:
        self.lines[path] = mark.start_mark.line + 1
        return self.value(node, path, inside)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            reason = getattr(error, "problem", None) or str(error)
            self.problems.append(Problem(path, f"'{node.value}' cannot be read: {reason}"))
            return None
        if not isinstance(value, str):
            self.written[path] = str(node.value)
        is_plain = value is None or isinstance(value, str | bool | int | float)
        return value if is_plain else node.value  # what an explicit tag makes of it is not asked for


def _read_text(path: Path) -> str:
    if path.is_dir():
        inside = path / "task.yaml"
        hint = f"Name the file: {inside}" if inside.exists() else "Name the task file inside it."
        raise UserError("this is a folder, not a task file", where=str(path), hint=hint)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            "there is no such file", where=str(path), hint="`rung init DATA` writes a task file for your data."
        ) from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if len(content) > MAX_BYTES:
        raise UserError(f"{len(content):,} bytes are too many for a task file", where=str(path), hint="Is this the data file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = f"byte {content[error.start]:#04x} is not UTF-8"
        raise UserError(problem, where=f"{path}:{line}", hint="Save the file as UTF-8 text.") from None


def _syntax_error(error: yaml.MarkedYAMLError, shown: str) -> UserError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = str(error.problem or error.context or "not readable")
    if r"'\t'" in problem:
        return UserError("a tab stands where YAML wants spaces", where=f"{shown}:{line}", hint="Indent with spaces.")
    around = f" ({error.context}, line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    return UserError(f"not YAML: {problem}{around}", where=f"{shown}:{line}", hint="Check colons, quotes and indentation here.")
