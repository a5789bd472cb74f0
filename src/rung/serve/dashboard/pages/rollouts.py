"""Rollouts: how each stands, what its arms have shown, and the buttons that pause or stop it."""

from __future__ import annotations

from rung.errors import UserError
from rung.serve.dashboard.sessions import Note
from rung.serve.dashboard.visits import Page, Sent, Shown, Visit

ACTIONS = ("pause", "resume", "stop")


def _list(visit: Visit) -> Shown:
    rollouts = visit.controls.rollouts
    views = {"runs": rollouts is not None, "rollouts": rollouts.all() if rollouts else []}
    return Shown(template="rollouts.html", title="Rollouts", nav="rollouts", views=views)


def _act(visit: Visit) -> Sent:
    rollouts, action = visit.controls.rollouts, visit.form.get("action")
    if rollouts is None:
        raise UserError("this server runs without rollouts")
    if action not in ACTIONS:
        raise UserError("there is no such button")
    told = rollouts.act(visit.path["rollout"], action, visit.session.who, visit.form.get("reason")[:500])
    return Sent(to="/rollouts", note=Note(tone="pass", text=told))


PAGES = (Page(path="/rollouts", show=_list), Page(path="/rollouts/{rollout}", act=_act, back="/rollouts"))
