"""A question made of several columns: each under its name, options behind their letters, or all set into a template.

[question, passage]                  `question: ...`, a blank line, `passage: ...`
{Question: q, A: opt_a, B: opt_b}    the same under names of one's own; A, B, C or 1, 2, 3 are options: `A) ...`, a line each
"{q}\\n\\nContext: {passage}"          a template; {{ and }} are braces

What is empty in a row is left out of it, name and all. A row none of whose cells but options holds anything asks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from string import ascii_lowercase, ascii_uppercase

from rung.data.read.rows import Row, RowError
from rung.data.shapes.cells import cell_text, listed
from rung.errors import UserError

Question = str | tuple[str, ...] | Mapping[str, str]
_NUMBERS = tuple(map(str, range(100)))
_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")


def is_template(text: str) -> bool:
    """Whether a text is a template and not a column's name. A column that has braces in its name is written as a list of one."""
    return "{" in text or "}" in text


def columns_of(question: Question) -> tuple[str, ...]:
    """The columns that a question is made of, each once. Raises UserError for a template that is none."""
    if isinstance(question, str):
        return tuple(dict.fromkeys(name for name, _ in _slots(question) if name)) if is_template(question) else (question,)
    return tuple(question.values()) if isinstance(question, Mapping) else question


def shown_name(column: str) -> str:
    """A column's name as people would write it: `question_text` is `question text`."""
    return " ".join(column.replace("_", " ").split()) or column


def rendered(row: Row, question: Question, *, lettered: bool = False) -> str:
    """The text that a row asks; `lettered`: options in a list stand under A, B, ... Raises RowError where nothing is asked."""
    text = _filled_in(row, question, lettered) if isinstance(question, str) else _under_names(row, question, lettered)
    if not text:
        columns = columns_of(question)
        told = f"all of it ({', '.join(columns)})" if len(columns) > 1 else columns[0]
        raise RowError(f"the input is empty: {told}")
    return text


def option_names(names: Sequence[str]) -> frozenset[str]:
    """Which of the names are options': letters from A on or numbers from 0 or 1 on, two at least, beside something else."""
    runs = (ascii_uppercase, ascii_lowercase, _NUMBERS, _NUMBERS[1:])
    found = {name for run in runs if set(run[:2]) <= set(names) for name in takewhile(lambda name: name in names, run)}
    return frozenset(found if len(found) < len(names) else ())


def named_columns(question: Sequence[str] | Mapping[str, str]) -> Mapping[str, str]:
    """Shown name -> column."""
    return question if isinstance(question, Mapping) else {shown_name(column): column for column in question}


def _under_names(row: Row, question: Sequence[str] | Mapping[str, str], lettered: bool) -> str:
    named = named_columns(question)
    letters = option_names(tuple(named))
    cells = [
        (name, cell_text(row.get(column), name, lettered=lettered), listed(row.get(column), name)) for name, column in named.items()
    ]
    if not any(text for name, text, several in cells if name not in letters and not (several and len(cells) > 1)):
        return ""
    blocks: list[str] = []
    after_option = False
    for name, text, several in cells:
        if not text:
            continue
        if name in letters and after_option:
            blocks[-1] += f"\n{name}) {text}"
        elif name in letters:
            blocks.append(f"{name}) {text}")
        else:
            blocks.append(f"{name}:\n{text}" if several else f"{name}: {text}")
        after_option = name in letters
    return "\n\n".join(blocks)


def _filled_in(row: Row, template: str, lettered: bool) -> str:
    parts = [(cell_text(row.get(name), name, lettered=lettered) if name else text, name) for name, text in _slots(template)]
    return "".join(text for text, _ in parts).strip() if any(text for text, name in parts if name) else ""


@lru_cache(maxsize=64)
def _slots(template: str) -> tuple[tuple[str, str], ...]:
    """A template's parts in order: a column's name and "", or "" and a text. Raises UserError for a brace that stands alone."""
    parts, at = [], 0
    for token in _TOKEN.finditer(template):
        parts.append(("", template[at : token.start()]))
        at, mark = token.end(), token[0]
        name = mark[1:-1].strip() if len(mark) > 1 else ""
        if mark in ("{{", "}}"):
            parts.append(("", mark[0]))
        elif name:
            parts.append((name, ""))
        else:
            hint = "A column is named {column}; a brace itself is written twice: {{ or }}."
            raise UserError(f"the template has '{mark}' that names no column", where="data.columns.input", hint=hint)
    return (*parts, ("", template[at:]))
