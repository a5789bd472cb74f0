"""The ladder for a terminal: as many columns as its width holds, plain words where it knows no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.escapes import visible
from rung.registry.documents import ClimbDocument, RungRecord
from rung.report import text
from rung.report.classes import class_lines
from rung.report.facts import bar_words, dev_words, state, unit_of
from rung.report.foreseen import foreseen_lines
from rung.report.trials import saved
from rung.types import Unit

STYLES = {"pass": "green", "fail": "red", "undecided": "yellow", "quiet": "dim"}
SCORES: dict[Unit, str] = {"share": "score", "points": "points", "number": "figure"}
IN_ASCII = str.maketrans({text.DASH: "-", text.MINUS: "-", text.ELLIPSIS: "...", "µ": "u"})


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of figures, and the narrowest terminal that shows it; `spare` ones are shown only where some rung has a figure."""

    label: str
    read: Callable[[RungRecord], str]
    width: int = 0
    spare: bool = False


FIELDS = (
    Field(label="n", read=lambda rung: text.looked(rung.verdict.n, rung.verdict.n_total) if rung.verdict else text.DASH),
    Field(label="alpha", read=lambda rung: text.small(rung.alpha), width=130),
    Field(label="dev", read=lambda rung: dev_words(rung.dev), width=140),
    Field(label="per answer", read=lambda rung: text.seconds(rung.answer_s), width=80, spare=True),
    Field(label="wait", read=lambda rung: text.seconds(rung.wait_p50_s), width=80, spare=True),
    Field(label="wait 95%", read=lambda rung: text.seconds(rung.wait_p95_s), width=120, spare=True),
    Field(label="tokens in", read=lambda rung: text.count(rung.prompt_tokens), width=100),
    Field(label="out", read=lambda rung: text.count(rung.completion_tokens), width=100),
    Field(label="per 1,000", read=lambda rung: text.dollars(rung.cost_usd_per_1k), width=110),
    Field(label="build", read=lambda rung: text.seconds(rung.build_s), width=90),
    Field(label="size", read=lambda rung: text.size(rung.artefact_bytes), width=80),
)


def ladder_table(document: ClimbDocument) -> LadderTable:
    """The verdict, the rungs with their figures, why some were not measured, and what the scorers were found to catch, to print."""
    return LadderTable(document=document)


@dataclass(frozen=True, kw_only=True)
class LadderTable:
    """Fits itself to the console that prints it. The document's texts are printed as they are: no markup, no control characters."""

    document: ClimbDocument

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _verdict_line(self.document, options)
        yield Padding(_table(self.document, options), (1, 0))
        yield Group(*[_reason(rung, options) for rung in self.document.rungs if _needs_words(rung)])
        yield Group(*_classes(self.document, options))
        yield Group(*[Text(safe(f"{rung}: {line}", options), style="dim") for rung, line in _saved(self.document)])
        yield Group(*[Text(safe(line, options), style="dim") for line in foreseen_lines(self.document)])
        yield Group(*[Text(safe(f"Ledger: {line}", options), style="dim") for line in self.document.ledger.lines])
        yield Group(*[Text(safe(line.text, options), style="dim") for line in self.document.trials])


def _classes(document: ClimbDocument, options: ConsoleOptions) -> list[RenderableType]:
    """Each class of the winner's, else of the last rung that was measured."""
    measured = [rung for rung in document.rungs if rung.classes]
    shown = document.winner if document.winner in measured else measured[-1] if measured else None
    if shown is None or shown.classes is None:
        return []
    title = Text(safe(f"Each {shown.classes.noun}, {shown.rung} on {shown.classes.split}:", options), style="bold")
    return [title, *class_lines(shown.classes, lambda words: safe(words, options))]


def _saved(document: ClimbDocument) -> list[tuple[str, str]]:
    return [(rung.rung, line) for rung in document.rungs if (line := saved(rung))]


def _verdict_line(document: ClimbDocument, options: ConsoleOptions) -> Text:
    shown = state(document.verdict.status)
    head = (marked(shown.mark, shown.word, options), f"bold {STYLES[shown.tone]}")
    return Text.assemble(head, "  ", safe(document.verdict.sentence, options))


def _table(document: ClimbDocument, options: ConsoleOptions) -> Table:
    bar = document.task.bar
    fields = [field for field in FIELDS if field.width <= options.max_width and _has_figures(field, document)]
    title = Text(safe(f"The bar: {bar_words(bar)}", options))
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for label in ("rung", "verdict"):
        grid.add_column(label, no_wrap=True, header_style="dim")
    for label in ("bounds", SCORES[unit_of(bar)], *(field.label for field in fields)):
        grid.add_column(label, justify="right", header_style="dim")
    for rung in document.rungs:
        grid.add_row(*_cells(rung, fields, options, unit=unit_of(bar)))
    return grid


def _has_figures(field: Field, document: ClimbDocument) -> bool:
    return not field.spare or any(field.read(rung) != text.DASH for rung in document.rungs)


def _cells(rung: RungRecord, fields: Sequence[Field], options: ConsoleOptions, *, unit: Unit) -> list[RenderableType]:
    shown, verdict = state(rung.state), rung.verdict
    figures = [text.DASH, text.DASH]
    if verdict:
        figures = [
            text.interval(verdict.lower, verdict.upper, unit=unit, bar=verdict.bar),
            text.share(verdict.estimate, unit=unit, bar=verdict.bar),
        ]
    figures += [field.read(rung) for field in fields]
    quiet = "dim" if shown.tone == "quiet" else ""
    return [
        Text(safe(rung.rung, options), style=quiet or "bold"),
        Text(marked(shown.mark, shown.word, options), style=STYLES[shown.tone]),
        *(Text(safe(figure.removesuffix(" points"), options), style="dim" if figure == text.DASH else quiet) for figure in figures),
    ]


def _needs_words(rung: RungRecord) -> bool:
    """Whether the table alone says too little: of a rung that was not measured, that broke something, or whose answers are none."""
    return bool(rung.broken or rung.remarks or (rung.verdict.missing if rung.verdict else rung.reason))


def _reason(rung: RungRecord, options: ConsoleOptions) -> Text:
    told = "; ".join((rung.broken or rung.reason, *(f"on dev, {remark}" for remark in rung.remarks if remark not in rung.reason)))
    return Text(safe(f"{rung.rung} {state(rung.state).word}: {told}", options), style="dim")


def marked(mark: str, word: str, options: ConsoleOptions) -> str:
    """A state's word, its mark before it where the terminal has one."""
    return word if options.ascii_only else f"{mark} {word}"


def safe(words: str, options: ConsoleOptions) -> str:
    """On one line, without control characters, and in ASCII where the terminal has no more."""
    line = " ".join(visible(words).split())
    if not options.ascii_only:
        return line
    return line.translate(IN_ASCII).encode("ascii", "replace").decode()
