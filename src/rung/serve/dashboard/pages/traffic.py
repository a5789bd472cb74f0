"""What is asked and answered, by Candidate, in the last hour."""

from __future__ import annotations

from datetime import UTC, datetime

from rung.serve.dashboard.charts import charts, spark
from rung.serve.dashboard.data import Question
from rung.serve.dashboard.figures import beginning, by_ref, figures
from rung.serve.dashboard.visits import Missing, Page, Shown, Visit

# So many questions of the last hour are counted at most, the newest.
MOST = 50_000
SHOWN = 30


def last_hour(visit: Visit, now: datetime) -> list[Question]:
    """The questions of the last hour; none where the server keeps no journal."""
    journal = visit.controls.journal
    if journal is None:
        return []
    return list(journal.since(beginning(now).isoformat(timespec="milliseconds"), MOST))


def _show(visit: Visit) -> Shown:
    now = datetime.now(UTC)
    questions = last_hour(visit, now)
    whole, each = figures(questions, now), by_ref(questions, now, SHOWN)
    views = {
        "runs": visit.controls.journal is not None,
        "whole": whole,
        "charts": charts(whole),
        "each": [(one, spark(one)) for one in each],
        "more": len({one.ref for one in questions if one.ref}) - len(each),
        "cut": len(questions) >= MOST,
        "most": MOST,
    }
    return Shown(template="traffic.html", title="Traffic", nav="traffic", views=views)


def _one(visit: Visit) -> Shown:
    now, ref = datetime.now(UTC), visit.path["ref"]
    mine = [one for one in last_hour(visit, now) if one.ref == ref]
    version = visit.controls.home.names.find(ref)
    if not mine and version is None:
        raise Missing(f"nothing by the name '{ref[:80]}' is registered or was asked in the last hour")
    found = figures(mine, now, ref)
    newest = sorted(mine, key=lambda one: one.created, reverse=True)[:SHOWN]
    views = {"found": found, "charts": charts(found), "newest": newest, "version": version}
    return Shown(template="traffic_one.html", title=f"Traffic of {ref}", nav="traffic", views=views)


PAGES = (Page(path="/traffic", show=_show), Page(path="/traffic/{ref}", show=_one))
