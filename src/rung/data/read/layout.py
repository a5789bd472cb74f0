"""How the text of a data file is laid out, where its name and the plain rules do not say it: `data.format` of a task file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from rung.errors import UserError, did_you_mean

Quotes = Literal["csv", "single", "backslash", "none"]
QUOTES: tuple[str, ...] = get_args(Quotes)
FORMATS = ("csv", "tsv", "text", "json", "jsonl", "parquet", "iob")
PLACES = ("first word", "last word", "before first MARK", "after last MARK", "__label__", "every __label__")
WHERE = "data.format"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How text becomes rows; as it stands, by the plain rules.

    format      one of FORMATS; None: told by the name and the content. `text` is a line of text a row; `iob` a token and its tag a
                line, a blank line between sentences
    header      whether the first row names the columns; without, they are column_1, column_2, ...
    delimiter   between two fields, of any length; None: a tab in .tsv, else the most frequent of , ; tab | in the first line
    quotes      around a field that holds a delimiter: `csv` ("a quote "" inside"), `single` ('), `backslash` ("a \\" inside"), or
                `none`: quotation marks are text like any other
    skip_lines  lines above the first row: a title, a comment
    label       of lines of text: where a line's label stands, as in PLACES; "" where it has none. The columns are text and label
    index       whether the first column only counts the rows; it takes no part
    repeated_names  whether columns of one name are told apart by a number: note, note_2
    short_rows  whether a row may leave out the empty fields at its end
    lenient     whether JSON may be written as Python writes it: 'single quotes', None, NaN (nothing), a comma before a bracket
    rows        where rows stand in nested JSON, as `data[].paragraphs[].qas[]`; fields of the outer levels are copied into each row
    answers     the file, beside this one, that holds the answers: line by line, or under the same id
    """

    format: str | None = None
    header: bool = True
    delimiter: str | None = None
    quotes: Quotes = "csv"
    skip_lines: int = 0
    label: str | None = None
    index: bool = False
    repeated_names: bool = False
    short_rows: bool = False
    lenient: bool = False
    rows: str | None = None
    answers: str | None = None

    @classmethod
    def read(cls, value: Any, where: str = WHERE) -> Layout:
        """What a task file says: a format's name, or a mapping. Raises UserError, at the key, for anything that is no layout."""
        if value is None:
            return cls()
        given = {"format": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping):
            raise UserError(f"{value!r} is no format", where=where, hint="Give a name, such as tsv, or a mapping: {header: false}.")
        for key in given:
            if key not in KEYS:
                raise UserError(f"{where}: unknown key '{key}'", where=where, hint=did_you_mean(str(key), KEYS))
        for key, setting in given.items():
            if problem := _problem(key, setting):
                raise UserError(f"{where}.{key}: {problem[0]}", where=f"{where}.{key}", hint=problem[1])
        found = cls(**given)
        if found.label is not None and found.format not in (None, "text"):
            raise UserError(f"{where}: a label in lines of text, and format {found.format}", where=where, hint="Leave one out.")
        return found

    def written(self) -> str | dict[str, Any] | None:
        """As a task file says it: what differs from the plain rules; None where nothing does."""
        said = {name: value for name in KEYS if (value := getattr(self, name)) != getattr(PLAIN, name)}
        if said.keys() == {"format"}:
            return self.format
        return said or None


KEYS = tuple(field.name for field in fields(Layout))
PLAIN = Layout()
TRUTHS = frozenset(field.name for field in fields(Layout) if field.type == "bool")


def _problem(key: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a setting, and how to mend it."""
    if key in TRUTHS:
        return None if isinstance(value, bool) else (f"{value!r} is neither true nor false", "")
    if key == "skip_lines":
        sound = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if sound else (f"{value!r} is no number of lines", "Give 0, 1, 2, ...")
    if not isinstance(value, str):
        return f"{value!r} is no text", "Put it in quotes."
    return _text_problem(key, value)


def _text_problem(key: str, value: str) -> tuple[str, str] | None:
    known = {"format": FORMATS, "quotes": QUOTES}.get(key, ())
    if known and value not in known:
        return f"'{value}' is none that is known", did_you_mean(value, known)
    if key == "delimiter" and (not value or not {"\n", "\r", '"'}.isdisjoint(value)):
        return f"{value!r} cannot stand between fields", 'Give what stands between two fields, such as ";" or "\\t".'
    if key == "label" and value and not is_place(value):
        return f"'{value}' is no place of a label", f"Known: {', '.join(PLACES)}, as in 'before first :'."
    return None


def is_place(label: str) -> bool:
    """Whether it says where the label of a line stands."""
    marked = any(label.startswith(start) and len(label) > len(start) for start in ("before first ", "after last "))
    return marked or label in PLACES
