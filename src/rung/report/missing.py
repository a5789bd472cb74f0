"""What is missing: the diagnosis as a part of the page, and for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.report import text
from rung.report.charts import lifts
from rung.report.facts import Document, at, listed
from rung.report.markup import Column, Html, element, section, table
from rung.report.tables import safe

Diagnosis = Mapping[str, Any]
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
# Of the figures of an arm, the narrowest terminal that shows each.
WIDTHS = {"before": 110, "after": 0, "points": 60, "bounds": 90, "put right": 80, "broken": 120, "rows": 100}
NOTE = (
    "Failures and lifts are on dev, against the plain instruction or, where something is handed over, against the same form "
    "without it. They say where to look; the gate alone decides what passes."
)


def missing(document: Document) -> Html:
    """The part of the page; nothing where the climb was not diagnosed."""
    found = at(document, "diagnosis")
    if not isinstance(found, Mapping):
        return Html("")
    probes = _probes(found)
    said = [line for probe in probes for line in figures(probe)]
    return section(
        "What is missing",
        element("p", found.get("sentence"), dir="auto"),
        lifts([probe for probe in probes if _can_lift(probe)], found.get("cause")),
        table("What the plain instruction's failures come from", ATTRIBUTION, _attribution(found)),
        table("Every way that the base was asked in", ARMS, [_arm(arm) for probe in probes for arm in listed(probe, "arms")]),
        element("ul", [element("li", line, dir="auto") for line in said], class_="prose") if said else None,
        element("p", NOTE, class_="note"),
        id_="missing",
    )


def diagnosis_table(found: Diagnosis) -> DiagnosisTable:
    """The sentence, the probes and the attribution, as something that rich prints."""
    return DiagnosisTable(found=found)


@dataclass(frozen=True, kw_only=True)
class DiagnosisTable:
    """Fits itself to the console that prints it, as `tables.LadderTable` does."""

    found: Diagnosis

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        said = safe(text.plain(self.found.get("sentence")), options)
        yield Text.assemble((safe(text.plain(self.found.get("cause")), options), "bold"), "  ", said)
        yield Padding(_probe_grid(self.found, options), (1, 0))
        yield Text(safe("where its failures come from, the cheapest cause first", options), style="bold")
        yield Padding(_attribution_grid(self.found, options), (0, 0, 1, 0))
        for probe in _probes(self.found):
            for line in figures(probe):
                yield Text(safe(line, options), style="dim")
        for rung, reason in (self.found.get("skips") or {}).items():
            yield Text(safe(f"{rung} need not be tried: {reason}", options), style="dim")


def figures(probe: Mapping[str, Any]) -> list[str]:
    """What a probe says beside its lift, in words."""
    facts = probe.get("facts") or {}
    said = []
    if text.number(facts.get("pass_at_k")) is not None:
        said.append(
            f"A right answer at the first try: {text.percent(facts['pass_at_1'])}; among {facts['k']} tries: "
            f"{text.percent(facts['pass_at_k'])}; by majority: {text.percent(facts['majority'])} ({facts['rows']} rows)."
        )
    for key, words in (("repeated", "Repeated"), ("near_identical", "Near-identical")):
        if at(facts, key, "pairs"):
            agreeing, pairs = facts[key]["agreeing"], facts[key]["pairs"]
            most = text.percent(facts[key]["ceiling"])
            said.append(f"{words} questions agree in {agreeing:,} of {text.plural(pairs, 'pair')}: about {most} can be right.")
    if text.number(facts.get("noise_share")) is not None:
        said.append(f"Labels that look wrong to a linear model that has not seen them: {text.percent(facts['noise_share'])}.")
    if text.number(facts.get("task_bits_per_byte")) is not None:
        own, everyday = facts["task_bits_per_byte"], facts["everyday_bits_per_byte"]
        said.append(f"The task's own text takes the base {own:.2f} bits per byte, everyday text {everyday:.2f}.")
    return said


def _probes(found: Diagnosis) -> list[Mapping[str, Any]]:
    return [probe for probe in listed(found, "probes") if isinstance(probe, Mapping)]


def _can_lift(probe: Mapping[str, Any]) -> bool:
    """Probes that only report are told in words."""
    return bool(probe.get("cause")) and probe.get("cause") != "labels"


def _attribution(found: Diagnosis) -> list[list[Any]]:
    lines = [line for line in listed(found, "attribution") if isinstance(line, Mapping)]
    return [[text.plain(line.get("cause")), text.count(line.get("flipped")), text.percent(line.get("share"))] for line in lines]


def _arm(arm: Mapping[str, Any]) -> list[Any]:
    return [
        text.plain(arm.get("name")),
        text.percent(arm.get("before")),
        text.percent(arm.get("after")),
        text.points(arm.get("lift")),
        text.interval(arm.get("lower"), arm.get("upper"), difference=True),
        text.count(arm.get("flipped")),
        text.count(arm.get("broken")),
        text.count(arm.get("n")),
    ]


def _probe_grid(found: Diagnosis, options: ConsoleOptions) -> Table:
    title = f"dev: {text.plural(int(found.get('n') or 0), 'row')}, {found.get('failures')} of which the plain instruction fails"
    if text.number(found.get("bar")) is not None:
        title += f"; the bar: {text.percent(found['bar'])}"
    grid = Table(
        title=Text(safe(title, options)), title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for label in ("cause", "asked with"):
        grid.add_column(label, header_style="dim", overflow="fold")
    for label in _shown(options):
        grid.add_column(label, header_style="dim", justify="right", no_wrap=True)
    for probe in _probes(found):
        for row in _probe_rows(probe, options, leading=probe.get("cause") == found.get("cause")):
            grid.add_row(*row)
    return grid


def _shown(options: ConsoleOptions) -> list[str]:
    return [label for label, width in WIDTHS.items() if width <= options.max_width]


def _probe_rows(probe: Mapping[str, Any], options: ConsoleOptions, *, leading: bool) -> list[list[RenderableType]]:
    """A row for each way that the base was asked in; or the reason why the probe was not run."""
    cause = Text(safe(text.plain(probe.get("cause") or "report only"), options), style="bold green" if leading else "bold")
    arms = [arm for arm in listed(probe, "arms") if isinstance(arm, Mapping)]
    if not arms:
        return [] if probe.get("facts") else [[cause, Text(safe(f"not run: {probe.get('reason')}", options), style="dim")]]
    rows: list[list[RenderableType]] = []
    for arm in arms:
        quiet = "" if arm.get("shows", True) else "dim"
        name, *numbers = (cell.removesuffix(" points") for cell in _arm(arm))
        cells = [name, *(number for label, number in zip(WIDTHS, numbers, strict=True) if label in _shown(options))]
        rows.append([Text("") if rows else cause, *(Text(safe(cell, options), style=quiet) for cell in cells)])
    return rows


def _attribution_grid(found: Diagnosis, options: ConsoleOptions) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("cause", header_style="dim")
    grid.add_column("put right", header_style="dim", justify="right")
    grid.add_column("share", header_style="dim", justify="right")
    for line in _attribution(found):
        grid.add_row(*(safe(cell, options) for cell in line))
    return grid
