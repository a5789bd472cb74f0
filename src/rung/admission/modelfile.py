"""A Modelfile of Ollama's, line by line, as its own parser reads it (ollama/ollama, parser/parser.go): an instruction's name in any
case, then its value up to the line's end, or in double quotes, one or three, over as many lines as it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rung.errors import UserError, did_you_mean
from rung.escapes import quoted

INSTRUCTIONS = ("FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE")
# Known to Ollama, and of no meaning here.
OTHERS = ("RENDERER", "PARSER", "REQUIRES", "DRAFT", "CAPABILITY")
ROLES = ("system", "user", "assistant")
_LINE = re.compile(r"\s*(?P<name>[A-Za-z]+)(?:[ \t]+(?P<rest>.*))?$", re.DOTALL)
_KEYED = re.compile(r"(?P<key>[A-Za-z0-9_]+)(?:[ \t]+(?P<rest>.*))?$", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """`key` is the parameter's name, or the message's role; "" of other instructions. `line` counts from 1."""

    line: int
    name: str
    value: str
    key: str = ""


def looks_like_one(text: str) -> bool:
    """Whether a text that is not called so is a Modelfile all the same: its first line is FROM, and another instruction follows."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    named = [line[0].upper() for line in lines if len(line) == 2]
    return bool(lines) and named[:1] == ["FROM"] and any(name in INSTRUCTIONS for name in named[1:])


def parse(text: str, where: str) -> list[Instruction]:
    """Raises UserError, with the line, for what is no instruction, and for quotes that never end."""
    return list(_instructions(text, where))


def _instructions(text: str, where: str) -> Iterator[Instruction]:
    lines = iter(enumerate(re.split(r"\r\n|\r|\n", text), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        at = f"{where}:{number}"
        match = _LINE.match(line)
        name = match["name"].upper() if match else ""
        if match is None or name not in (*INSTRUCTIONS, *OTHERS):
            raise _unknown(line, name, at)
        key, rest = "", match["rest"] or ""
        if name in ("PARAMETER", "MESSAGE"):
            keyed = _KEYED.match(rest.strip())
            if keyed is None:
                said = f"{quoted(rest.strip())} is no name and value" if rest.strip() else "has neither name nor value"
                raise UserError(f"{name} {said}", where=at, hint=_form(name))
            key, rest = keyed["key"].lower(), keyed["rest"] or ""
        if name == "MESSAGE" and key not in ROLES:
            raise UserError(f"MESSAGE of the role {quoted(key)}", where=at, hint=f"Known: {', '.join(ROLES)}.")
        value = _value(rest, lines, at)
        if not value.strip():
            raise UserError(f"{name} without a value", where=at, hint=_form(name))
        yield Instruction(line=number, name=name, key=key, value=value)


def _value(rest: str, lines: Iterator[tuple[int, str]], at: str) -> str:
    """What the quotes hold, whichever line they end on; a line's text without quotes."""
    said = rest.strip()
    quotes = next((mark for mark in ('"""', '"') if said.startswith(mark)), "")
    while quotes and not (len(said.rstrip()) >= 2 * len(quotes) and said.rstrip().endswith(quotes)):
        more = next(lines, None)
        if more is None:
            hint = f"End it with {quotes}, as the last thing on its line."
            raise UserError(f"the quotes ({quotes}) that begin here never end", where=at, hint=hint)
        said = f"{said}\n{more[1]}"
    return said.rstrip()[len(quotes) : -len(quotes)] if quotes else said


def _unknown(line: str, name: str, at: str) -> UserError:
    if name:
        return UserError(f"unknown instruction {quoted(name)}", where=at, hint=did_you_mean(name, (*INSTRUCTIONS, *OTHERS)))
    hint = 'An instruction begins with its name. A text of several lines stands between """ and """.'
    return UserError(f"no instruction: {quoted(line.strip())}", where=at, hint=hint)


def _form(name: str) -> str:
    return {
        "FROM": "Write FROM and a model: FROM llama3.2, FROM ./model.gguf.",
        "PARAMETER": "Write PARAMETER temperature 0.",
        "MESSAGE": "Write MESSAGE user Hello.",
    }.get(name, f"Write {name} and its value behind it.")
