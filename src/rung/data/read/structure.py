"""What a file is that is no plain table: nested JSON, tokens with tags, one half of a pair; for `rung init`, which asks nothing."""

from __future__ import annotations

import itertools

from rung.data.inferred import Inference
from rung.data.read import files, pairs, tokens
from rung.data.read.containers.located import Located
from rung.data.read.formats import format_of
from rung.data.read.layout import Layout
from rung.data.read.nested_search import find_rows


def structure_of(found: Located, encoding: str | None) -> tuple[Layout, Inference] | None:
    """The layout that reads it, and why; None where it is a table or a file of lines as any other.

    Raises UserError, naming the other file, for one half of a pair of files.
    """
    if found.format:
        return None
    first = files.head(found.path, found.shown)
    if first.startswith(files.PARQUET_MAGIC):
        return None
    text = first.decode(encoding or files.wide_encoding(first) or "utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    suffix = found.path.with_name(found.path.name.removesuffix(".gz")).suffix.lower()
    if text and format_of(suffix, text) == "json":
        nested = find_rows(found.path, found.shown, encoding)
        return (Layout(rows=nested[0]), nested[1]) if nested else None
    pairs.refuse_half(found.path, found.shown)
    seen = itertools.islice(files.lines(found.path, found.shown, encoding), tokens.LINES_SEEN)
    tagged = tokens.recognised(seen) if suffix not in (".csv",) else None
    return (Layout(format=tokens.FORMAT), tagged) if tagged else None
