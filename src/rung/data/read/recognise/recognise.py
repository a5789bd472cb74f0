"""What a file is that nobody has described: its encoding, its layout, and what was inferred on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rung.data.inferred import Inference
from rung.data.read import files
from rung.data.read.delimited import DELIMITERS
from rung.data.read.encodings import is_garbled, strange_words
from rung.data.read.formats import format_of, is_document
from rung.data.read.layout import PLAIN, WHERE, Layout
from rung.data.read.recognise.json_form import json_form
from rung.data.read.recognise.labels import label_place
from rung.data.read.recognise.sample import Sample, rows_of
from rung.data.read.recognise.strangers import refuse_strangers
from rung.data.read.recognise.table_layout import table_in, table_layout
from rung.errors import UserError

SAMPLE_LINES = 20_000
SAMPLE_CHARS = 8 << 20
NOT_UTF8 = "the text is not UTF-8, and no mark says what it is"


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """How a file is to be read. `layout` is PLAIN where the plain rules read it rightly; `encoding` None is UTF-8 or marked."""

    layout: Layout = PLAIN
    encoding: str | None = None
    inferences: tuple[Inference, ...] = ()


def encoding_of(path: Path) -> str | None:
    """A guess at the encoding of a text; None where it is UTF-8 or marked."""
    guessed = files.guess_encoding(path)
    return None if guessed in ("utf-8", "utf-16") else guessed


def recognise(path: Path, shown: str = "", known: Layout | None = None) -> Recognised:
    """Looks at a file's first lines; where its layout is `known`, for the encoding alone.

    Raises UserError where it cannot be read, or is a form of table that Rung does not read."""
    shown = shown or path.name
    first = files.head(path, shown)
    if first.startswith(files.PARQUET_MAGIC):
        return Recognised()
    encoding = encoding_of(path)
    files.check_text(first, shown, encoding)
    sample = _sample(path, shown, encoding)
    if not any(line.strip() for line in sample.lines):
        return Recognised(encoding=encoding)
    layout, inferences = _layout(sample) if known is None else (known, [])
    if encoding:
        inferences = [_about_encoding(encoding, sample.lines), *inferences]
    return Recognised(layout=layout, encoding=encoding, inferences=tuple(inferences))


def _sample(path: Path, shown: str, encoding: str | None) -> Sample:
    found, size, cut = list[str](), 0, False
    for line in files.lines(path, shown, encoding):
        if len(found) >= SAMPLE_LINES or size > SAMPLE_CHARS:
            cut = True
            break
        found.append(line)
        size += len(line)
    return Sample(shown=shown, suffix=Path(path.name.removesuffix(".gz")).suffix.lower(), lines=found, cut=cut)


def _about_encoding(encoding: str, lines: Sequence[str]) -> Inference:
    words = strange_words(lines)
    seen = f", by which it has words such as {', '.join(words)}" if words else ""
    if is_garbled(lines):
        seen += "; by no encoding are they words: the text may have been garbled before it was saved"
    return Inference(
        about="encoding", taken=f"{encoding}, a guess", because=NOT_UTF8 + seen, change="data.encoding in the task file"
    )


def _layout(sample: Sample) -> tuple[Layout, list[Inference]]:
    text = "".join(sample.lines).lstrip("\ufeff \t\r\n")
    if format_of(sample.suffix, text) == "json" or re.match(r"\[?\s*\{\s*[\"'][^\n]*[\"']\s*:", text):
        return _json_layout(sample, text)
    refuse_strangers(sample.lines, sample.shown)
    table = table_in(sample)
    if table is None or (table.agreeing < 0.9 and sample.suffix != ".tsv"):
        lines = [line.strip() for line in sample.lines[: -1 if sample.cut else None] if line.strip()]
        if place := label_place(lines):
            return _label_layout(place.label, list(place.labels), headed=place.headed)
        if sample.suffix not in DELIMITERS and len(lines) > 1:
            raise _no_columns(sample.shown)
    return table_layout(table, sample) if table else (PLAIN, [])


def _no_columns(shown: str) -> UserError:
    hint = (
        "Write question and answer as two columns (CSV, TSV) or fields (JSONL). Where each line has a label, say where it stands: "
        "data.format: {format: text, label: first word} (or last word, 'before first :', 'after last @')."
    )
    return UserError("lines of text without columns, and no label in front of them or at their end", where=shown, hint=hint)


def _json_layout(sample: Sample, text: str) -> tuple[Layout, list[Inference]]:
    form = json_form(sample.lines, document=is_document(text))
    layout, found = PLAIN, list[Inference]()
    usual = format_of(sample.suffix, text) == "json"
    if not usual or form.document != is_document(text):
        layout = replace(layout, format="json" if form.document else "jsonl")
        because = "several rows share a line" if form.joined else "the text is JSON, whatever the name says"
        found.append(Inference(about="format", taken=str(layout.format), because=because, change=f"{WHERE}", aloud=not usual))
    if form.lenient:
        layout = replace(layout, lenient=True)
        because = f"{rows_of(form.lenient)} of the first could not be read as JSON, as: {form.sample[:80]}"
        taken = "as Python or JavaScript write it; NaN is nothing"
        found.append(Inference(about="JSON", taken=taken, because=because, change=f"{WHERE}.lenient"))
    return layout, found


def _label_layout(label: str, labels: Sequence[str], *, headed: bool) -> tuple[Layout, list[Inference]]:
    layout = Layout(format="text", header=False, label=label, skip_lines=int(headed))
    few = ", ".join(labels[:4]) + (", ..." if len(labels) > 4 else "")
    about = Inference(
        about="columns",
        taken=f"lines of text, no header; the label of a line is its {_in_words(label)}",
        because=f"the lines are no table, and nearly every one has one of {len(labels)} labels there ({few})",
        change=f"{WHERE}.label",
    )
    return layout, [about]


def _in_words(label: str) -> str:
    return label if "word" in label or "__label__" in label else f"part {label}"
