"""What `climb`, `demo` and `report` share: a climb from its task file to a verdict on the screen, and the HTML beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.cli.output import EXIT_CODE, print_json, show, watching
from rung.cli.words import finding_lines

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.documents import ClimbDocument
    from rung.registry.home import Home


def climb_file(task_file: Path, *, every_rung: bool, as_json: bool) -> int:
    """Climbs, keeps the report, prints the verdict; returns the exit code."""
    from rung.climb.climb import climb
    from rung.climb.registered_base import load_task
    from rung.registry.home import open_home

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task_file}"):
            task = load_task(task_file, home)
        for line in finding_lines(task.findings):
            progress.note(line)
        document = climb(task, home, progress=progress, every_rung=every_rung)
        page = write_report(document, home)
    finish(document, page, as_json=as_json)
    return EXIT_CODE[document.verdict.status]


def finish(document: ClimbDocument, page: Path, *, as_json: bool) -> None:
    """Prints a document, as JSON or for people."""
    from rung.registry import documents

    if as_json:
        print_json(documents.as_json(document))
    else:
        show_document(document, page)


def write_report(document: ClimbDocument, home: Home, out: Path | None = None) -> Path:
    """Writes a climb's HTML to `out`, by default under RUNG_HOME; returns where it is."""
    from rung.report.html import write_html

    page = out or home.path / "reports" / f"{document.name}.html"
    write_html(document, page)
    return page


def show_document(document: ClimbDocument, page: Path) -> None:
    """The verdict and the ladder, and what to do next."""
    from rung.report.tables import ladder_table

    show(ladder_table(document), f"Report  {page}")
    for curve in document.forecast.curves if document.forecast else ():
        show(*[f"Forecast  {curve.title}: {curve.sentence}"] if curve.sentence else [])
    if document.version:
        show(f'Ask it  rung answer {document.version} "..."')
        return
    if document.diagnosis:
        show(f"What is missing  {document.diagnosis.sentence}")
    show(f"What more labels would bring  rung forecast {document.task.path}")


def why_of(told: Mapping[str, Any]) -> str | None:
    """The sentence of a version that `told_version` told, behind what it was called in the home that it came from."""
    came = f"from {told['origin']}" if told["origin"] else None
    return "; ".join(filter(None, (came, told["sentence"]))) or None


def climbed_anew(home: Home, record: ClimbRecord) -> str:
    """How to repeat a climb whose record an earlier version of rung wrote."""
    return f"`rung climb {home.tasks.get(record.task).path}` climbs its task anew; what it registered stays."
