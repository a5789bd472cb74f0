"""The report as one self-contained HTML file: no scripts, nothing fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.disk import replacing
from rung.errors import BrokenEnvironment
from rung.registry.documents import ClimbDocument
from rung.report import classes, curves, facts, foreseen, grids, ladder, outlook
from rung.report.render import render
from rung.report.trials import saved, trial_tables

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MOST_EXAMPLES = 20
LONGEST_WORDS = 800


def write_html(document: ClimbDocument, path: Path) -> None:
    """Write the page of a climb document: the whole file or none of it. Raises BrokenEnvironment where it cannot be written."""
    try:
        with replacing(path) as draft:
            draft.write_text(page(document), "utf-8")
    except OSError as error:
        raise BrokenEnvironment(
            f"the report could not be written: {error.strerror or error}",
            where=str(path),
            hint="Choose a folder that can be written.",
        ) from error


def page(document: ClimbDocument) -> str:
    """The whole HTML document."""
    return render("page.html", policy=POLICY, **views(document))


def views(document: ClimbDocument) -> dict[str, Any]:
    """What the templates of a climb's page are filled with."""
    found, ahead = document.diagnosis, document.forecast
    return {
        "document": document,
        "key": grids.key_figures(document),
        "ladder": ladder.ladder(document),
        "showed": grids.showed(document),
        "took": grids.took(document),
        "foreseen": foreseen.foreseen(document),
        "lifts": ladder.lifts(found) if found else None,
        "attribution": grids.attribution(found) if found else None,
        "arms": grids.arms(found) if found else None,
        "classes": {rung.rung: classes.class_grid(rung.classes) for rung in document.rungs if rung.classes},
        "confusions": {rung.rung: classes.confused(rung.classes) for rung in document.rungs if rung.classes},
        "guards": {rung.rung: grids.guards(rung, document.task) for rung in document.rungs},
        "curves": {rung.rung: curves.curves(rung.history) for rung in document.rungs},
        "outlooks": [outlook.outlook(curve) for curve in ahead.curves] if ahead else [],
        "costs": outlook.costs(ahead.breakeven) if ahead and ahead.breakeven else None,
        "pairs": outlook.pairs(ahead.breakeven) if ahead and ahead.breakeven else None,
        "cheaper": grids.cheaper(document),
        "trials": trial_tables(document),
        "saved": {rung.rung: saved(rung) for rung in document.rungs},
        "looks": grids.looks(document),
        "repeat": facts.repeat_command(document),
        "ask": facts.answer_command(document.version) if document.version else None,
        "most_examples": MOST_EXAMPLES,
        "longest": LONGEST_WORDS,
    }
