"""What is written down: every answer by the journal, and every line of the home's audit."""

from __future__ import annotations

import json
from typing import Any

from rung.serve.dashboard.data import Found, Wanted
from rung.serve.dashboard.render import ENDINGS, ending
from rung.serve.dashboard.visits import Missing, Page, Shown, Visit

A_PAGE = 50


def _answers(visit: Visit) -> Shown:
    journal = visit.controls.journal
    wanted = Wanted(
        text=visit.asked("q"),
        tenant=visit.asked("tenant"),
        ref=visit.asked("ref"),
        ending=visit.asked("ending") if visit.asked("ending") in ENDINGS else "",
        before=visit.asked("before"),
    )
    found = journal.search(wanted, A_PAGE) if journal else Found(rows=())
    views = {"runs": journal is not None, "wanted": wanted, "found": found, "endings": [name for name in ENDINGS if name]}
    return Shown(template="audit.html", title="Audit", nav="audit", views=views)


def _answer(visit: Visit) -> Shown:
    journal = visit.controls.journal
    found = journal.get(visit.path["id"]) if journal else None
    if found is None:
        raise Missing(f"no answer by the id '{visit.path['id'][:80]}' is in the journal")
    return Shown(template="answer.html", title=found.id, nav="audit", views={"one": found, "ending": ending(found.ending)})


def _chain(visit: Visit) -> Shown:
    """The lines of the audit, the newest first, a page at a time."""
    audit, subject, kind = visit.controls.home.audit, visit.asked("subject"), visit.asked("kind")
    text = visit.asked("before")
    before = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
    lines = audit.search(text=visit.asked("q"), subject=subject, kind=kind, before=before, limit=A_PAGE + 1)
    views: dict[str, Any] = {
        "lines": [(line, json.dumps(line.payload, indent=1, ensure_ascii=False)) for line in lines[:A_PAGE]],
        "next": lines[A_PAGE - 1].number if len(lines) > A_PAGE else None,
        "q": visit.asked("q"),
        "subject": subject,
        "kind": kind,
        "kinds": audit.kinds(),
        "first_page": before is None,
    }
    return Shown(template="chain.html", title="Audit chain", nav="audit", views=views)


PAGES = (
    Page(path="/audit", show=_answers),
    Page(path="/audit/chain", show=_chain),
    Page(path="/audit/answers/{id}", show=_answer),
)
