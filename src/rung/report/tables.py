"""The ladder for a terminal: as many columns as its width holds, plain words where it knows no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.report import text
from rung.report.facts import Document, at, bar_words, card_lines, is_difference, rungs, standing, state
from rung.report.markup import visible
from rung.report.sentence import sentence

__all__ = ["LadderTable", "card_lines", "ladder_table"]

STYLES = {"pass": "green", "fail": "red", "undecided": "yellow", "quiet": "dim"}
IN_ASCII = str.maketrans({text.DASH: "-", text.MINUS: "-", text.ELLIPSIS: "...", "µ": "u"})
Rung = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of figures, and the narrowest terminal that shows it."""

    label: str
    read: Callable[[Rung], str]
    width: int = 0


FIELDS = (
    Field(label="n", read=lambda rung: text.looked(at(rung, "verdict", "n"), at(rung, "verdict", "n_total"))),
    Field(label="alpha", read=lambda rung: text.small(rung.get("alpha")), width=130),
    Field(label="dev", read=lambda rung: text.percent(at(rung, "dev", "mean")), width=140),
    Field(label="p50", read=lambda rung: text.seconds(rung.get("latency_p50_s")), width=80),
    Field(label="p95", read=lambda rung: text.seconds(rung.get("latency_p95_s")), width=120),
    Field(label="tokens in", read=lambda rung: text.count(rung.get("prompt_tokens")), width=100),
    Field(label="out", read=lambda rung: text.count(rung.get("completion_tokens")), width=100),
    Field(label="per 1,000", read=lambda rung: text.dollars(rung.get("cost_usd_per_1k")), width=110),
    Field(label="build", read=lambda rung: text.seconds(rung.get("build_s")), width=90),
    Field(label="size", read=lambda rung: text.size(rung.get("artefact_bytes")), width=80),
)


def ladder_table(document: Document) -> LadderTable:
    """The verdict, the rungs with their figures, and why some were not measured, as something that rich prints."""
    return LadderTable(document=document)


@dataclass(frozen=True, kw_only=True)
class LadderTable:
    """Fits itself to the console that prints it. The document's texts are printed as they are: no markup, no control characters."""

    document: Document

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = rungs(self.document)
        yield _verdict_line(self.document, options)
        if rows:
            yield Padding(_table(self.document, options), (1, 0))
        reasons = [_reason(rung, options) for rung in rows if not rung.get("verdict") and rung.get("reason")]
        yield Group(*reasons)


def _verdict_line(document: Document, options: ConsoleOptions) -> Text:
    shown = standing(document)
    head = (marked(shown.mark, shown.word, options), f"bold {STYLES[shown.tone]}")
    return Text.assemble(head, "  ", safe(sentence(document), options))


def _table(document: Document, options: ConsoleOptions) -> Table:
    bar = at(document, "task", "bar")
    fields = [field for field in FIELDS if field.width <= options.max_width]
    title = Text(safe(f"The bar: {bar_words(bar)}", options)) if bar else None
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for label in ("rung", "verdict"):
        grid.add_column(label, no_wrap=True, header_style="dim")
    for label in ("points" if is_difference(bar) else "score", "bounds", *(field.label for field in fields)):
        grid.add_column(label, justify="right", header_style="dim")
    for rung in rungs(document):
        grid.add_row(*_cells(rung, fields, options, difference=is_difference(bar)))
    return grid


def _cells(rung: Rung, fields: list[Field], options: ConsoleOptions, *, difference: bool) -> list[RenderableType]:
    shown, verdict = state(rung.get("state")), rung.get("verdict")
    line = at(verdict, "bar")
    figures = [
        text.share(at(verdict, "estimate"), difference=difference, bar=line),
        text.interval(at(verdict, "lower"), at(verdict, "upper"), difference=difference, bar=line),
        *(field.read(rung) for field in fields),
    ]
    quiet = "dim" if shown.tone == "quiet" else ""
    return [
        Text(safe(text.plain(rung.get("rung")), options), style=quiet or "bold"),
        Text(marked(shown.mark, shown.word, options), style=STYLES[shown.tone]),
        *(Text(safe(figure.removesuffix(" points"), options), style="dim" if figure == text.DASH else quiet) for figure in figures),
    ]


def _reason(rung: Rung, options: ConsoleOptions) -> Text:
    said = f"{text.plain(rung.get('rung'))} {state(rung.get('state')).word}: {rung['reason']}"
    return Text(safe(said, options), style="dim")


def marked(mark: str, word: str, options: ConsoleOptions) -> str:
    """A state's word, its mark before it where the terminal has one."""
    return word if options.ascii_only else f"{mark} {word}"


def safe(words: str, options: ConsoleOptions) -> str:
    """On one line, without control characters, and in ASCII where the terminal has no more."""
    line = " ".join(visible(words).split())
    if not options.ascii_only:
        return line
    return line.translate(IN_ASCII).encode("ascii", "replace").decode()
