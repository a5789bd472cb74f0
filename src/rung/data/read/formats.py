"""File formats: JSONL, JSON documents, Parquet, and which one a file is. Each becomes a Table of rows with their line numbers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rung.data.read import files
from rung.data.read.delimited import ANY_DELIMITER, DELIMITERS, csv_table
from rung.data.read.json_text import as_json
from rung.data.read.layout import PLAIN, Layout
from rung.data.read.rows import MAX_DOCUMENT_BYTES, RawRow, RowError, Table, check_characters
from rung.data.read.text_lines import text_table
from rung.errors import BrokenEnvironment, UserError

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


def _refuse_constant(name: str) -> Any:
    raise RowError(f"{name} is not JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, none of whose keys stands twice: which of the values was meant, nobody can tell."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise RowError(f"the key '{twice}' stands twice in one object")
    return found


DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_each_once)


def open_table(path: Path, shown: str, encoding: str | None = None, layout: Layout = PLAIN) -> Table:
    """The rows of a data file; gzip is undone. Raises UserError where the file is missing, empty, binary or of no known format."""
    files.check_encoding(encoding)
    first = files.head(path, shown)
    if first.startswith(files.PARQUET_MAGIC):
        return Table(shown=shown, format="parquet", rows=_parquet(path, shown), parse=_plain_row)
    files.check_text(first, shown, encoding)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    text = first.decode(encoding or files.wide_encoding(first) or "utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    if not text:
        raise _blank(path, shown, encoding)
    named = layout.format or format_of(suffix, text)
    if named == "parquet":
        raise UserError("the file is text, not Parquet", where=shown, hint="Take data.format out.")
    if named == "text" or layout.label is not None:
        return text_table(path, shown, encoding, layout)
    if named in ("json", "jsonl"):
        return _json_table(path, shown, encoding, text, layout)
    return csv_table(path, shown, encoding, layout, "\t" if layout.format == "tsv" else DELIMITERS.get(suffix, ANY_DELIMITER))


def format_of(suffix: str, text: str) -> str:
    """By a file's name and its first characters: `json` for either kind of it, else `csv`."""
    return "json" if suffix in JSON_SUFFIXES or (suffix not in DELIMITERS and text[0] in "{[") else "csv"


def parse_json(text: str) -> Any:
    """A JSON value. Raises RowError with the column for anything else, NaN and infinities included."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        raise RowError(f"{'the JSON is cut off' if cut else 'not JSON'}: {error.msg} at column {error.colno}") from None
    except RowError:
        raise
    except ValueError:
        raise RowError("the JSON holds a whole number of thousands of digits, which no reader takes") from None
    except RecursionError:
        raise RowError("the JSON is nested too deeply") from None


def _blank(path: Path, shown: str, encoding: str | None) -> UserError:
    for number, line in enumerate(files.lines(path, shown, encoding), start=1):
        if line.strip("\ufeff \t\r\n"):
            return UserError("the file begins with thousands of blank characters", where=f"{shown}:{number}", hint="Remove them.")
    return UserError("the file holds only blanks", where=shown, hint="Give a file with at least one row.")


def _json_table(path: Path, shown: str, encoding: str | None, text: str, layout: Layout) -> Table:
    named = layout.format or ("json" if is_document(text) else "jsonl")
    if named == "json":
        return Table(shown=shown, format="json", rows=_document(path, shown, encoding, layout), parse=_as_row)
    parse = _parse_leniently if layout.lenient else _parse_line
    return Table(shown=shown, format="jsonl", rows=_json_lines(path, shown, encoding), parse=parse)


def is_document(text: str) -> bool:
    """Whether a text that begins so is one JSON value over several lines, or several on one, and not a row a line."""
    lines = [line.strip() for line in text.split("\n")]
    if text[0] == "[" or lines[0] == "{":
        return True
    problem = _json_problem(lines[0])
    if problem is None or any(line.startswith("{") and _json_problem(line) is None for line in lines[1:-1]):
        return False
    return problem.msg == "Extra data" or (len(lines) > 1 and problem.pos >= len(lines[0]))


def _json_problem(line: str) -> json.JSONDecodeError | None:
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error
    except (ValueError, RecursionError):
        return None
    return None


def _json_lines(path: Path, shown: str, encoding: str | None) -> Iterator[RawRow]:
    for number, line in enumerate(files.lines(path, shown, encoding), start=1):
        if line.strip():
            yield RawRow(number, line)


def _parse_line(line: str) -> Mapping[str, Any]:
    check_characters(line)
    return _as_row(parse_json(line))


def _parse_leniently(line: str) -> Mapping[str, Any]:
    try:
        return _parse_line(line)
    except RowError:
        return _parse_line(as_json(line))


def _as_row(value: Any) -> Mapping[str, Any]:
    if isinstance(value, list) and value and all(isinstance(entry, dict) and {"role", "from"} & set(entry) for entry in value):
        return {"messages": value}  # a conversation that stands there without a name
    if not isinstance(value, dict):
        raise RowError(f"the row is {_kind(value)}, not an object with named fields")
    return value


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "a truth value", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _document(path: Path, shown: str, encoding: str | None, layout: Layout) -> Iterator[RawRow]:
    """A JSON array's elements, or objects that follow each other over several lines, each with the line it begins on."""
    text = files.whole_text(path, shown, encoding, MAX_DOCUMENT_BYTES)
    text = as_json(text) if layout.lenient else text
    start = _skip(text, 0, "")
    in_array = text[start] == "["
    at, line, counted = _skip(text, start + in_array, ""), 1, 0
    alone = not in_array
    while at < len(text) and not (in_array and text[at] == "]"):
        line, counted = line + text.count("\n", counted, at), at
        try:
            start, (value, at) = at, DECODER.raw_decode(text, at)
            check_characters(text[start:at])
        except (ValueError, RecursionError) as error:
            raise _broken_document(error, text, f"{shown}:{line}") from None
        rows, alone = _wrapped_rows(value) if alone else None, False
        yield from (RawRow(line, row) for row in ([value] if rows is None else rows))
        at = _skip(text, at, ",")
    if in_array:
        _check_end(text, at, shown)


def _check_end(text: str, at: int, shown: str) -> None:
    """Raises UserError where the array has no end, or is not the end of the file."""
    if at >= len(text):
        where = f"{shown}:{text.count(chr(10)) + 1}"
        raise UserError("the JSON array is cut off: it has no closing ]", where=where, hint="Write or fetch it again.")
    after = _skip(text, at + 1, "")
    if after < len(text):
        where = f"{shown}:{text.count(chr(10), 0, after) + 1}"
        raise UserError("something follows the JSON array", where=where, hint="Rows of JSONL are objects with named fields.")


def _wrapped_rows(value: Any) -> list[Any] | None:
    """The list of `{"data": [...]}`: the one list of objects in an object that stands alone."""
    lists = [v for v in value.values() if isinstance(v, list) and v and all(isinstance(e, dict) for e in v)]
    roles = ("messages", "conversations", "tools", "functions", "tool_calls")
    return lists[0] if len(lists) == 1 and not any(role in value for role in roles) else None


def _broken_document(error: Exception, text: str, where: str) -> UserError:
    if isinstance(error, json.JSONDecodeError):
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        problem = f"{'the JSON is cut off' if cut else 'not JSON'}: {error.msg} at line {error.lineno}, column {error.colno}"
        return UserError(problem, where=where, hint="Mend the row that begins here, or save the rows as JSONL.")
    return UserError("the JSON is nested too deeply" if isinstance(error, RecursionError) else str(error), where=where)


def _skip(text: str, at: int, also: str) -> int:
    blank = " \t\r\n" + also
    while at < len(text) and text[at] in blank:
        at += 1
    return at


def _parquet(path: Path, shown: str) -> Iterator[RawRow]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise BrokenEnvironment("reading Parquet needs pyarrow", where=shown, hint="pip install 'rung[parquet]'") from None
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield RawRow(number, row)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"not a whole Parquet file: {reason}", where=shown, hint="Write or fetch it again.") from None


def _plain_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it: dates and decimals become their text. Raises RowError for bytes and not-a-number."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (bytes, bytearray)):
        raise RowError("a field holds bytes, not text")
    if isinstance(value, float) and not math.isfinite(value):
        raise RowError(f"a field holds {value}, which JSON cannot say")
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
