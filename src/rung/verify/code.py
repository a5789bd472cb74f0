"""Code in an answer and the tests of its row, made into what is run: `engine.tools.code_tests` runs it."""

from __future__ import annotations

import ast
import builtins
import io
import json
import re
import textwrap
import tokenize
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_BEGINS = re.compile(r"^(?:(?:async\s+)?def\s|class\s|import\s|from\s|@)", re.MULTILINE)
_GIVEN = ("input", "inputs", "stdin", "in")
_PRINTED = ("output", "outputs", "stdout", "out", "expected_output", "expected")
_BUILT_IN = frozenset(dir(builtins))
Tests = tuple[str | tuple[str, str], ...]


class NoTests(ValueError):
    """Why a row's tests cannot be run."""


def read_tests(value: Any) -> Tests:
    """A row's tests: Python texts, or pairs of what a program is given and prints. Raises NoTests."""
    value = _parsed(value)
    if isinstance(value, Mapping):
        tests = tuple(_of_mapping(value))
    else:
        parts = [_parsed(part) for part in (value if isinstance(value, list | tuple) else [value])]
        tests = tuple(test for part in parts for test in (_of_mapping(part) if isinstance(part, Mapping) else [_text(part)]))
    texts = [test for test in tests if isinstance(test, str)]
    if not tests or not all(test.strip() if isinstance(test, str) else True for test in tests):
        raise NoTests("the row has no tests")
    for text in texts:
        try:
            ast.parse(text)
        except (SyntaxError, ValueError) as error:
            raise NoTests(f"its tests are no Python: {error}") from None
    if texts and not any(_asserts(ast.parse(text)) for text in texts):
        raise NoTests("its tests assert nothing, so that any code would pass them")
    return tests


def _parsed(value: Any) -> Any:
    """A list or an object that stands in a text, in JSON or as Python prints it."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    if beside := _beside_one_another(value):
        return beside
    try:
        return json.loads(value)
    except ValueError:
        try:
            return ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value


def _beside_one_another(text: str) -> list[str]:
    """The texts of a list as an array is printed, `['a' 'b']`, which Python would read as one; none where there are commas."""
    try:
        tokens = [token for token in tokenize.generate_tokens(io.StringIO(text.strip()).readline) if token.string.strip()]
    except (tokenize.TokenError, SyntaxError):
        return []
    inner = tokens[1:-1]
    strings = [token.string for token in inner if token.type == tokenize.STRING]
    return [ast.literal_eval(one) for one in strings] if len(strings) == len(inner) > 1 else []


def _text(part: Any) -> str:
    if not isinstance(part, str):
        raise NoTests(f"its tests hold {type(part).__name__}, not code")
    fenced = _FENCE.search(part)
    return textwrap.dedent(fenced[2] if fenced else part)


def _of_mapping(part: Mapping[str, Any]) -> Iterator[str | tuple[str, str]]:
    given, printed = (next((part[key] for key in keys if key in part), None) for keys in (_GIVEN, _PRINTED))
    if given is None or printed is None:
        raise NoTests(f"its tests have {', '.join(map(str, part)) or 'nothing'}, not input and output")
    several = isinstance(given, list) and isinstance(printed, list) and len(given) == len(printed)
    called = part.get("fn_name")
    for one, other in zip(given, printed, strict=True) if several else [(given, printed)]:
        if called:
            yield f"assert {called}(*{one!r}) == {other!r}"
        else:
            yield _lines(one), _lines(other)


def _lines(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _asserts(tree: ast.Module) -> bool:
    """Whether some line of it could fail by design: an assertion, in whatever words, or an error that it raises."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert | ast.Raise):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called.casefold().startswith(("assert", "fail", "exit")) or called == "raises":
                return True
    return False


def program_of(answer: str, prompt: str = "", names: Sequence[str] = ()) -> str:
    """The code in an answer: in a fence or bare, whole or going on where `prompt` ends. Text that is no code as it is."""
    first = ""
    for code in _codes(answer):
        for whole in _wholes(code, prompt):
            tree = parse(whole)
            if tree is not None and set(names) <= defined(tree).keys():
                return whole
            first = first or (whole if tree is not None else "")
    return first or answer


def _codes(answer: str) -> Iterator[str]:
    fenced = [textwrap.dedent(match[2]) for match in _FENCE.finditer(answer)]
    if len(fenced) > 1:
        yield from reversed(fenced)
        yield "\n".join(fenced)
    elif fenced:
        yield fenced[0]
    yield answer
    yield answer.strip()
    if begin := _BEGINS.search(answer):
        yield answer[begin.start() :]
        lines = answer[begin.start() :].splitlines()
        # Words that follow bare code: the longest beginning that is code.
        for count in range(len(lines) - 1, max(0, len(lines) - 40), -1):
            if parse(part := "\n".join(lines[:count])) is not None:
                yield part
                return


def _wholes(code: str, prompt: str) -> Iterator[str]:
    """Code that begins anew stands behind the prompt, whose imports it may use; a body goes on where the prompt ends."""
    if not prompt.strip():
        yield code
        return
    body, above = code.strip("\n"), prompt.rstrip()
    last = above.rpartition("\n")[2]
    indent = last[: len(last) - len(last.lstrip())] + ("    " if last.endswith(":") else "")
    if _BEGINS.match(body) and indent and parse(body) is None:
        yield f"{above}\n{indent}{body}"  # a body that begins with a function or an import of its own, its first indent lost
    if not _BEGINS.match(body):
        if body[:1].isspace():
            yield f"{above}\n{body}"
        yield f"{above}\n{indent}{body.lstrip()}"  # its first line has lost what it was indented by
        yield f"{above}\n{textwrap.indent(textwrap.dedent(body), indent)}"
        yield prompt + code
    yield f"{above}\n\n{code}"
    yield code


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.Module | None:
    """Its syntax tree; None where it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            compile(tree, "answer", "exec")  # which alone sees a `return` that stands outside of any function
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


def defined(tree: ast.Module) -> dict[str, ast.stmt]:
    """What a module's own lines bind, `if` and `try` included: name -> the statement."""
    found: dict[str, ast.stmt] = {}
    for node in _statements(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name.partition(".")[0]): node for alias in node.names}
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = (part for target in targets if target is not None for part in ast.walk(target))
            found |= {part.id: node for part in names if isinstance(part, ast.Name)}
    return found


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for inner in ("body", "orelse", "finalbody") if isinstance(node, ast.If | ast.Try) else ():
            yield from _statements(getattr(node, inner, []))


def used(texts: Sequence[str]) -> frozenset[str]:
    """Every name that these texts mention, attributes and what they import included."""
    nodes = [node for text in texts if (tree := parse(text)) for node in ast.walk(tree)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return frozenset(names)


def free(texts: Sequence[str]) -> frozenset[str]:
    """The names that these texts use and neither bind themselves nor have from Python."""
    bound = {name for text in texts if (tree := parse(text)) for name in _bound(tree)}
    nodes = [node for text in texts if (tree := parse(text)) for node in ast.walk(tree)]
    return frozenset({n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - bound - _BUILT_IN)


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
