"""A climb: as it goes on, or its whole report once it has ended."""

from __future__ import annotations

from rung.report.html import views
from rung.serve.dashboard.pages.tasks import climb_of, task_name
from rung.serve.dashboard.visits import Missing, Page, Shown, Visit


def _one(visit: Visit) -> Shown:
    home, beginning = visit.controls.home, visit.path["climb"]
    found = [record for record in home.climbs.all() if record.climb.startswith(beginning)] if len(beginning) >= 6 else []
    if len(found) != 1:
        problem = f"there is no climb '{beginning[:80]}'" if not found else f"{len(found)} climbs begin with '{beginning}'"
        raise Missing(problem, hint="The menu's Climbs and jobs lists them.")
    climb = climb_of(home, found[0], task_name(home, found[0]))
    whole = views(climb.document) if climb.document else {}
    title = f"Climb of {climb.name}"
    return Shown(template="climb.html", title=title, nav="work", views={**whole, "climb": climb})


PAGES = (Page(path="/climbs/{climb}", show=_one),)
