"""What `climb`, `demo` and `report` share: a climb from its task file to a verdict on the screen, and the HTML beside it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.cli.output import EXIT_CODE, print_json, show, watching
from rung.cli.words import finding_lines

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.home import Home
    from rung.registry.names import Version


def climb_file(task_file: Path, *, every_rung: bool, as_json: bool) -> int:
    """Climbs, keeps the report, prints the verdict; returns the exit code."""
    from rung.climb.climb import climb
    from rung.registry.home import open_home
    from rung.task.load import load_task

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task_file}"):
            task = load_task(task_file, home.downloads)
        for line in finding_lines(task.findings):
            progress.note(line)
        document = climb(task, home, progress=progress, every_rung=every_rung)
        page = write_report(document, home)
    if as_json:
        print_json(document)
    else:
        show_document(document, page)
    return EXIT_CODE[document["verdict"]["status"]]


def write_report(document: dict[str, Any], home: Home, out: Path | None = None) -> Path:
    """Writes a climb's HTML to `out`, by default under RUNG_HOME; returns where it is."""
    from rung.report.html import write_html

    page = out or home.path / "reports" / f"{document['name']}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_html(document, page)
    return page


def show_document(document: dict[str, Any], page: Path) -> None:
    """The verdict and the ladder, and what to do next."""
    from rung.report.tables import ladder_table

    show(ladder_table(document), f"Report  {page}")
    for curve in (document.get("forecast") or {}).get("curves", ()):
        show(*[f"Forecast  {curve['title']}: {curve['sentence']}"] if curve["sentence"] else [])
    if document["version"]:
        show(f'Ask it  rung answer {document["version"]} "..."')
        return
    if document.get("diagnosis"):
        show(f"What is missing  {document['diagnosis']['sentence']}")
    show(f"What more labels would bring  rung forecast {document['task']['path']}")


def told_version(home: Home, version: Version) -> dict[str, Any]:
    """A version as JSON, with the `sentence` of the climb that it rests on; None where that climb kept no document."""
    from rung.climb.record import document_of

    document = document_of(home, version.evidence.climb)
    return asdict(version) | {"sentence": document["verdict"]["sentence"] if document else None}


def climbed_anew(home: Home, record: ClimbRecord) -> str:
    """How to repeat a climb whose record an earlier version of rung wrote."""
    return f"`rung climb {home.tasks.get(record.task).path}` climbs its task anew; what it registered stays."
