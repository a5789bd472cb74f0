"""Tool calls that are held for a person: what would be done, for whom, and the two buttons."""

from __future__ import annotations

from rung.errors import UserError
from rung.serve.dashboard.sessions import Note
from rung.serve.dashboard.visits import Page, Sent, Shown, Visit

DECIDED = 30
LONGEST_REASON = 500


def _list(visit: Visit) -> Shown:
    holds = visit.controls.holds
    views = {
        "runs": holds is not None,
        "waiting": holds.waiting() if holds else [],
        "decided": holds.decided(DECIDED) if holds else [],
    }
    return Shown(template="approvals.html", title="Approvals", nav="approvals", views=views)


def _decide(visit: Visit) -> Sent:
    holds, action, reason = visit.controls.holds, visit.form.get("action"), visit.form.get("reason")
    if holds is None:
        raise UserError("this server holds no tool calls")
    if action not in ("approve", "refuse"):
        raise UserError("there is no such button")
    if action == "refuse" and not reason:
        raise UserError("a refusal needs a reason", hint="Whoever asked is told it: write it beside the button.")
    told = holds.decide(visit.path["call"], approve=action == "approve", by=visit.session.who, reason=reason[:LONGEST_REASON])
    return Sent(to="/approvals", note=Note(tone="pass", text=told))


PAGES = (Page(path="/approvals", show=_list), Page(path="/approvals/{call}", act=_decide, back="/approvals"))
