"""The report as one self-contained HTML file: no scripts, nothing fetched."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rung.errors import BrokenEnvironment
from rung.report.closing import closing
from rung.report.details import details
from rung.report.facts import Document, at
from rung.report.markup import Html, element
from rung.report.missing import missing
from rung.report.overview import header, overview
from rung.report.text import plain

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_html(document: Document, path: Path) -> None:
    """Write the page of a climb document: the whole file or none of it. Raises BrokenEnvironment where it cannot be written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page(document), "utf-8")
        os.replace(part, path)
    except OSError as error:
        raise BrokenEnvironment(
            f"the report could not be written: {error.strerror or error}",
            where=str(path),
            mend="Choose a folder that can be written.",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def page(document: Document) -> str:
    """The whole HTML document."""
    name = plain(at(document, "task", "name"))
    style = Path(__file__).with_name("style.css").read_text("utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Rung: {name}"),
        element("style", Html(style)),
    )
    body = element(
        "body",
        header(document),
        element("main", overview(document), missing(document), details(document), closing(document)),
        _footer(),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _footer() -> Html:
    return element("footer", "Made by Rung. This file holds everything it shows and fetches nothing.")
