"""Bytes to lines of text: gzip undone, encodings named, and clear words for files that are not text at all."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from rung.data.read.encodings import best, is_utf16
from rung.data.read.rows import MAX_LINE_BYTES
from rung.errors import UserError, did_you_mean

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
KNOWN_BINARIES = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"%PDF": "a PDF document",
    b"SQLi": "an SQLite database",
    b"\x28\xb5\x2f\xfd": "compressed with zstandard",
    b"BZh": "compressed with bzip2",
    b"\xfd7zX": "compressed with xz",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89PNG": "a picture",
    b"ARRO": "an Arrow file",
    b"\x80\x04\x95": "a Python pickle, which is never loaded",
}
WIDE_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
DATA_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
NAMED_BESIDE = 20
GUESSES = ("cp1252", "mac_roman", "latin-1")
GUESS_BYTES = 16 << 20
HEAD_BYTES = 8192
MOST_CONTROL = 0.01
TEXT_BYTES = bytes(byte for byte in range(256) if byte >= 32 or byte in b"\t\n\r\f\v\x1a\x1b\x1c\x1d\x1e\x1f")


def check_present(path: Path, shown: str) -> None:
    """Raises UserError where `path` is missing (with the nearest name in its folder), a folder, or empty."""
    if path.is_dir():
        raise UserError("is a folder, not a data file", where=shown, hint="Name one file inside it.")
    if not path.exists():
        raise UserError("no such file", where=shown, hint=_instead(path))
    if path.stat().st_size == 0:
        raise UserError("the file is empty", where=shown, hint="Give a file with at least one row.")


def _instead(path: Path) -> str:
    """What the user may have meant by a file that is not there: the data files in its folder, the first few of them."""
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist either."
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    beside = [name for name in names if name.removesuffix(".gz").endswith(DATA_SUFFIXES)][:NAMED_BESIDE]
    return did_you_mean(path.name, beside) if beside else f"The folder {path.parent} holds no data file."


def head(path: Path, shown: str) -> bytes:
    """The first bytes of the content, gzip undone. Raises UserError where the file cannot be read or is empty inside."""
    check_present(path, shown)
    with _faults(shown), open_bytes(path) as file:
        first = file.read(HEAD_BYTES)
    if not first:
        raise UserError("the gzip file holds nothing", where=shown, hint="Give a file with at least one row.")
    return first


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes; gzip is told by its first two bytes, whatever the file is called."""
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path, "rb")) if zipped else path.open("rb")


def check_text(first: bytes, shown: str, encoding: str | None) -> None:
    """Raises UserError, saying what the file seems to be, where its first bytes are not text in `encoding`."""
    for magic, name in KNOWN_BINARIES.items():
        if first.startswith(magic):
            hint = "Save the rows as CSV, JSONL or Parquet (plain or gzip-compressed)."
            raise UserError(f"the file is {name}, not rows of text", where=shown, hint=hint)
    if b"\x00" in first and not _is_wide(encoding or wide_encoding(first) or "utf-8") and _control(first) > MOST_CONTROL:
        at = first.index(b"\x00")
        hint = "Save the rows as CSV, JSONL or Parquet; for UTF-16 text without a mark set data.encoding: utf-16-le."
        raise UserError(f"the file is binary: byte {at} is zero", where=shown, hint=hint)


def _control(first: bytes) -> float:
    """The share of bytes that no text has; a few of them are damage, and cost their rows alone."""
    return len(first.translate(None, delete=TEXT_BYTES)) / len(first)


def wide_encoding(first: bytes) -> str | None:
    """`utf-16` where the first bytes are its byte-order mark."""
    return next((name for mark, name in WIDE_MARKS.items() if first.startswith(mark)), None)


def check_encoding(encoding: str | None) -> None:
    """Raises UserError where Python knows no such encoding."""
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        hint = did_you_mean(str(encoding), ["utf-8", "utf-16", "cp1252", "mac_roman", "latin-1", "shift_jis", "gb18030"])
        raise UserError(f"'{encoding}' is no known encoding", where="data.encoding", hint=hint) from None


def lines(path: Path, shown: str, encoding: str | None) -> Iterator[str]:
    """The file's lines with their ends, decoded (UTF-8 unless told or marked otherwise; a byte-order mark is dropped).

    Memory is bounded by the longest line. Raises UserError with line and byte for text in another encoding, broken gzip or a
    line over 64 MiB.
    """
    name = encoding or wide_encoding(head(path, shown)) or "utf-8"
    with _faults(shown), open_bytes(path) as file:
        yield from _wide_lines(file, shown, name) if _is_wide(name) else _narrow_lines(file, path, shown, name)


def whole_text(path: Path, shown: str, encoding: str | None, at_most: int) -> str:
    """All text of a file of at most `at_most` bytes. Raises as `lines`, and UserError where the file is larger."""
    parts, size = [], 0
    for line in lines(path, shown, encoding):
        parts.append(line)
        size += len(line)
        if size > at_most:
            hint = "Save it as JSONL, one row a line: that is read line by line."
            raise UserError(f"one JSON document of over {at_most >> 20} MiB must be read whole", where=shown, hint=hint)
    return "".join(parts)


def guess_encoding(path: Path) -> str:
    """`utf-8` where the file's first 16 MiB decode so, else the encoding in which their words are words.

    Text that is UTF-8 but for a few lines is UTF-8 as well: read in another encoding it would all come out garbled, unseen.
    """
    with _faults(path.name):
        sample = _sample(path)
    if marked := wide_encoding(sample) or is_utf16(sample):
        return marked
    return "utf-8" if sample.isascii() or _mostly(sample, "utf-8") else best(sample)


def _mostly(sample: bytes, encoding: str) -> bool:
    """Whether most of the lines that are not plain ASCII decode: in a single-byte encoding hardly any is UTF-8 by chance."""
    telling = [line for line in sample.split(b"\n")[: -1 if len(sample) == GUESS_BYTES else None] if not line.isascii()]
    decoded = 0
    for line in telling:
        with contextlib.suppress(UnicodeDecodeError):
            line.decode(encoding)
            decoded += 1
    return 2 * decoded > len(telling)


def _narrow_lines(file: IO[bytes], path: Path, shown: str, encoding: str) -> Iterator[str]:
    """Lines by \\n, \\r\\n or \\r. A byte that is not of the encoding stands as a lone surrogate, for its row to be refused by;
    where most lines have such, the encoding is the wrong one."""
    start, errors = 0, "strict"
    for number, raw in enumerate(_split(file, shown), start=1):
        line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        try:
            yield line.decode(encoding, errors)
        except UnicodeDecodeError as error:
            if not _mostly(_sample(path), encoding):
                raise _wrong_encoding(error, path, f"{shown}:{number}", start) from None
            errors = "surrogateescape"
            yield line.decode(encoding, errors)
        start += len(raw)


def _split(file: IO[bytes], shown: str) -> Iterator[bytes]:
    """Lines with their ends. One that is longer than the bound is no line of a table."""
    number, rest = 0, b""
    while raw := file.readline(MAX_LINE_BYTES + 1):
        if rest or b"\r" in raw[:-2]:
            lines = (rest + raw).splitlines(keepends=True)
            rest = b"" if raw.endswith(b"\n") else lines.pop()
        else:
            lines = [raw]
        for line in [*lines, rest] if len(rest) > MAX_LINE_BYTES else lines:
            number += 1
            if len(line) > MAX_LINE_BYTES:
                hint = "Is it one row a line? Save it as JSONL or CSV with line ends."
                raise UserError(f"the line is longer than {MAX_LINE_BYTES >> 20} MiB", where=f"{shown}:{number}", hint=hint)
            yield line
    if rest:
        yield rest


def _sample(path: Path) -> bytes:
    with open_bytes(path) as file:
        return file.read(GUESS_BYTES)


def _wrong_encoding(error: UnicodeDecodeError, path: Path, where: str, start: int) -> UserError:
    byte = error.object[error.start]
    problem = f"byte 0x{byte:02x} (byte {start + error.start} of the file) is not {error.encoding}"
    others = ", ".join(GUESSES)
    hint = f"Re-save the file as UTF-8, or name its encoding: data.encoding: {guess_encoding(path)} (others: {others})."
    return UserError(problem, where=where, hint=hint)


def _wide_lines(file: IO[bytes], shown: str, encoding: str) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(io.TextIOWrapper(file, encoding=encoding, newline=""), start=1):
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeError as error:
        hint = "Re-save the file as UTF-8."
        raise UserError(f"the text is not {encoding}: {error}", where=f"{shown}:{number + 1}", hint=hint) from None


def _is_wide(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


@contextmanager
def _faults(shown: str) -> Iterator[None]:
    """Turns what the file system and gzip say into words for the file's owner."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        hint = "`gzip -t` tells where it breaks; fetch or pack it again."
        raise UserError(f"the gzip file is broken or cut off: {error}", where=shown, hint=hint) from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=shown) from None
