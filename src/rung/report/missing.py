"""What is missing, for a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.registry.documents import ArmReading, DiagnosisRecord, ProbeRecord
from rung.report import text
from rung.report.tables import safe

# Of the figures of an arm, the narrowest terminal that shows each.
WIDTHS = {"before": 110, "after": 0, "points": 60, "bounds": 90, "put right": 80, "broken": 120, "rows": 100}


def diagnosis_table(found: DiagnosisRecord) -> DiagnosisTable:
    """The sentence, the probes and the attribution, as something that rich prints."""
    return DiagnosisTable(found=found)


@dataclass(frozen=True, kw_only=True)
class DiagnosisTable:
    """Fits itself to the console that prints it, as `tables.LadderTable` does."""

    found: DiagnosisRecord

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text.assemble((safe(self.found.cause, options), "bold"), "  ", safe(self.found.sentence, options))
        yield Padding(_probe_grid(self.found, options), (1, 0))
        yield Text(safe("where its failures come from, the cheapest cause first", options), style="bold")
        yield Padding(_attribution_grid(self.found, options), (0, 0, 1, 0))
        for probe in self.found.probes:
            for line in probe.said:
                yield Text(safe(line, options), style="dim")
        for rung, reason in self.found.skips.items():
            yield Text(safe(f"{rung} need not be tried: {reason}", options), style="dim")


def _probe_grid(found: DiagnosisRecord, options: ConsoleOptions) -> Table:
    title = f"dev: {text.plural(found.n, 'row')}, {found.failures} of which the plain instruction fails"
    if found.bar is not None:
        title += f"; the bar: {text.percent(found.bar)}"
    grid = Table(
        title=Text(safe(title, options)), title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for label in ("cause", "asked with"):
        grid.add_column(label, header_style="dim", overflow="fold")
    for label in _shown(options):
        grid.add_column(label, header_style="dim", justify="right", no_wrap=True)
    for probe in found.probes:
        for row in _probe_rows(probe, options, leading=probe.cause == found.cause):
            grid.add_row(*row)
    return grid


def _shown(options: ConsoleOptions) -> list[str]:
    return [label for label, width in WIDTHS.items() if width <= options.max_width]


def _probe_rows(probe: ProbeRecord, options: ConsoleOptions, *, leading: bool) -> list[list[RenderableType]]:
    """A row for each way that the base was asked in; or the reason why the probe was not run."""
    cause = Text(safe(probe.cause or "report only", options), style="bold green" if leading else "bold")
    if not probe.arms:
        return [] if probe.facts else [[cause, Text(safe(f"not run: {probe.reason}", options), style="dim")]]
    rows: list[list[RenderableType]] = []
    for arm in probe.arms:
        quiet = "" if arm.shows else "dim"
        figures = _figures(arm)
        cells = [arm.name, *(figures[label] for label in _shown(options))]
        rows.append([Text("") if rows else cause, *(Text(safe(cell, options), style=quiet) for cell in cells)])
    return rows


def _figures(arm: ArmReading) -> dict[str, str]:
    """An arm's figures in words, by the labels of WIDTHS."""
    return {
        "before": text.percent(arm.before),
        "after": text.percent(arm.after),
        "points": text.points(arm.lift).removesuffix(" points"),
        "bounds": text.interval(arm.lower, arm.upper, unit="points").removesuffix(" points"),
        "put right": text.count(arm.flipped),
        "broken": text.count(arm.broken),
        "rows": text.looked(arm.n, None if arm.of == arm.n else arm.of),
    }


def _attribution_grid(found: DiagnosisRecord, options: ConsoleOptions) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("cause", header_style="dim")
    grid.add_column("put right", header_style="dim", justify="right")
    grid.add_column("share", header_style="dim", justify="right")
    for line in found.attribution:
        grid.add_row(*(safe(cell, options) for cell in (line.cause, text.count(line.flipped), text.percent(line.share))))
    return grid
