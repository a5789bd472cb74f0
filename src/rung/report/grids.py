"""The page's tables: their columns, and each row's cells in words."""

from __future__ import annotations

from dataclasses import dataclass

from rung.registry.documents import ClimbDocument, DiagnosisRecord, LockedTask, RungRecord
from rung.report import text
from rung.report.facts import State, anchor, bar_words, dev_words, shown, state, unit_of
from rung.types import SPLITS, Unit, Verdict


@dataclass(frozen=True, kw_only=True)
class Column:
    """A table's column: its heading, whether it holds numbers, and a longer explanation of the heading."""

    label: str
    numeric: bool = False
    help: str | None = None


@dataclass(frozen=True, kw_only=True)
class Link:
    """A rung's name, which leads to its part of the page."""

    words: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Code:
    """A digest or reference, shown short."""

    whole: str


Cell = str | State | Link | Code


@dataclass(frozen=True, kw_only=True)
class Table:
    """A caption, columns, and rows of as many cells; the first cell of a row names it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: str = ""

    @staticmethod
    def bare(row: tuple[Cell, ...]) -> bool:
        """Rows without one known figure: narrow screens, where each figure takes a line, leave their dashes out."""
        return len(row) > 2 and all(cell == text.DASH for cell in row[2:])


SHOWED = (
    Column(label="Rung"),
    Column(label="Verdict"),
    Column(label="Bounds", numeric=True),
    Column(label="Estimate", numeric=True),
    Column(label="Bar", numeric=True),
    Column(label="Looked at", numeric=True, help="test rows scored before the test stopped, of all test rows"),
    Column(label="Alpha", numeric=True, help="the share of the climb's chance of a wrong pass that this rung could spend"),
    Column(label="Score on dev", numeric=True),
)
TOOK = (
    Column(label="Rung"),
    Column(label="Build time", numeric=True),
    Column(label="Time at the gate", numeric=True),
    Column(label="Machine time per answer", numeric=True, help="the time of a batch of dev rows divided by its rows, the mean"),
    Column(label="A caller waits, median", numeric=True, help="for one answer asked alone, or from a server"),
    Column(label="A caller waits, 95%", numeric=True, help="what 95 of 100 such answers do not exceed"),
    Column(label="Tokens in", numeric=True, help="mean prompt tokens per answer"),
    Column(label="Tokens out", numeric=True, help="mean completion tokens per answer"),
    Column(label="Cost per 1,000 answers", numeric=True),
    Column(label="Artefact", numeric=True, help="bytes that this rung adds to the base model"),
    Column(label="How to undo it"),
)
GUARDS = (
    Column(label="Guard"),
    Column(label="Verdict"),
    Column(label="Bounds", numeric=True),
    Column(label="Estimate", numeric=True),
    Column(label="Bar", numeric=True),
    Column(label="Looked at", numeric=True),
)
CHEAPER = (
    Column(label="The winner, but"),
    Column(label="Outcome"),
    Column(label="Bounds", numeric=True),
    Column(label="Score", numeric=True),
    Column(label="Bar", numeric=True),
    Column(label="Looked at", numeric=True),
    Column(label="What that adds", numeric=True),
)
LOOKS = (Column(label="Rung"), Column(label="Task"), Column(label="Candidate"), Column(label="Test rows", numeric=True))
ATTRIBUTION = (
    Column(label="Cause"),
    Column(label="Failures put right", numeric=True, help="each failure counts for the cheapest cause whose probe puts it right"),
    Column(label="Share", numeric=True),
)
ARMS = (
    Column(label="Asked with"),
    Column(label="Before", numeric=True),
    Column(label="After", numeric=True),
    Column(label="Lift", numeric=True),
    Column(label="Bounds", numeric=True),
    Column(label="Put right", numeric=True),
    Column(label="Broken", numeric=True),
    Column(label="Rows", numeric=True),
)


def key_figures(document: ClimbDocument) -> list[tuple[str, str]]:
    """What the verdict rests on: of the winner, or of the task where there is none."""
    bar, won = document.task.bar, document.winner
    if not won or not won.verdict:
        rows = [(f"{name.capitalize()} rows", text.count(document.task.rows[name])) for name in SPLITS]
        return [("The bar", bar_words(bar)), *rows]
    bounds, estimate, _, seen = _figures(won.verdict, unit=unit_of(bar))
    return [
        ("Winner", document.version or won.rung),
        ("Shown", shown(won.verdict, bar)),
        ("The bar", bar_words(bar)),
        ("Bounds", f"{bounds}, estimate {estimate}"),
        ("Looked at", f"{seen} rows"),
        ("Machine time per answer", text.seconds(won.answer_s))
        if won.wait_p95_s is None
        else ("95% of callers wait at most", text.seconds(won.wait_p95_s)),
        ("Artefact", text.size(won.artefact_bytes)),
    ]


def showed(document: ClimbDocument) -> Table:
    """What each rung showed at the gate."""
    unit = unit_of(document.task.bar)
    rows = [
        (
            _link(rung),
            state(rung.state),
            *_figures(rung.verdict, unit=unit),
            text.small(rung.alpha),
            dev_words(rung.dev),
        )
        for rung in document.rungs
    ]
    return Table(caption="What each rung showed at the gate", columns=SHOWED, rows=tuple(rows))


def took(document: ClimbDocument) -> Table:
    """What each rung that was built took; no columns for waits where none was measured."""
    built = [rung for rung in document.rungs if rung.build_s is not None]
    waits = any(rung.wait_p50_s is not None for rung in built)
    columns = tuple(column for column in TOOK if waits or not column.label.startswith("A caller waits"))
    rows = [
        (
            _link(rung),
            text.seconds(rung.build_s),
            text.seconds(rung.gate_s),
            text.seconds(rung.answer_s),
            *((text.seconds(rung.wait_p50_s), text.seconds(rung.wait_p95_s)) if waits else ()),
            text.count(rung.prompt_tokens),
            text.count(rung.completion_tokens),
            text.dollars(rung.cost_usd_per_1k),
            text.size(rung.artefact_bytes),
            rung.undo,
        )
        for rung in built
    ]
    return Table(caption="What each rung took", columns=columns, rows=tuple(rows), kind="took")


def guards(rung: RungRecord, task: LockedTask) -> Table:
    """The verdicts on a rung's guards and limits."""
    rows = [
        (
            verdict.name,
            state(verdict.status),
            *_figures(verdict, unit=unit_of(task.bar_of(verdict.name))),
        )
        for verdict in rung.guards
    ]
    return Table(caption="Guards, all of which must hold", columns=GUARDS, rows=tuple(rows))


def cheaper(document: ClimbDocument) -> Table:
    """The forms of the winner with less, and what became of each."""
    unit = unit_of(document.task.bar)
    rows = [
        (
            form.name,
            state("pass", "kept" if form.kept else "holds") if form.held else state(form.verdict.status, "does not hold"),
            *_figures(form.verdict, unit=unit),
            text.points(form.part_added),
        )
        for form in document.cheaper
    ]
    return Table(caption="Cheaper attempts", columns=CHEAPER, rows=tuple(rows))


def looks(document: ClimbDocument) -> Table:
    """The ledger of the test split."""
    rows = [(look.rung, look.task, Code(whole=look.candidate), text.count(look.n)) for look in document.looks]
    return Table(caption="Every look at these test rows, by any task", columns=LOOKS, rows=tuple(rows))


def attribution(found: DiagnosisRecord) -> Table:
    """Failures by cause."""
    rows = [(line.cause, text.count(line.flipped), text.percent(line.share)) for line in found.attribution]
    return Table(caption="What the plain instruction's failures come from", columns=ATTRIBUTION, rows=tuple(rows))


def arms(found: DiagnosisRecord) -> Table:
    """Every way that the base was asked in."""
    rows = [
        (
            arm.name,
            text.percent(arm.before),
            text.percent(arm.after),
            text.points(arm.lift),
            text.interval(arm.lower, arm.upper, unit="points"),
            text.count(arm.flipped),
            text.count(arm.broken),
            text.looked(arm.n, None if arm.of == arm.n else arm.of),
        )
        for probe in found.probes
        for arm in probe.arms
    ]
    return Table(caption="Every way that the base was asked in", columns=ARMS, rows=tuple(rows))


def _figures(verdict: Verdict | None, *, unit: Unit) -> tuple[str, str, str, str]:
    """(bounds, estimate, bar, looked at) in words: what was shown before what is only likely."""
    if verdict is None:
        return (text.DASH,) * 4
    return (
        text.interval(verdict.lower, verdict.upper, unit=unit, bar=verdict.bar),
        text.share(verdict.estimate, unit=unit, bar=verdict.bar),
        text.share(verdict.bar, unit=unit),
        text.looked(verdict.n, verdict.n_total),
    )


def _link(rung: RungRecord) -> Link:
    return Link(words=rung.rung, href=f"#{anchor(rung.rung)}")
