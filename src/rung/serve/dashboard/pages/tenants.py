"""Tenants and their keys: who may ask what; a key is made, shown once, and ended."""

from __future__ import annotations

import re

from rung.errors import UserError
from rung.serve.dashboard.data import Tenants
from rung.serve.dashboard.sessions import Note
from rung.serve.dashboard.visits import Page, Sent, Shown, Visit

LONGEST = 100


def _list(visit: Visit) -> Shown:
    tenants = visit.controls.tenants
    views = {"runs": tenants is not None, "tenants": tenants.all() if tenants else []}
    return Shown(template="tenants.html", title="Tenants and keys", nav="tenants", views=views)


def _add(visit: Visit) -> Sent:
    tenants, name = _tenants(visit), visit.form.get("name")
    if not name or len(name) > LONGEST:
        raise UserError("a tenant needs a name", hint=f"Of at most {LONGEST} characters.")
    models = tuple(filter(None, re.split(r"[\s,]+", visit.form.get("models"))))
    tenant = tenants.add(name, models or ("*",), visit.session.who)
    text = f"The tenant {name} is there ({tenant})."
    return Sent(to="/tenants", note=Note(tone="pass", text=text, hint="It can ask once it has a key."))


def _add_key(visit: Visit) -> Sent:
    key = _tenants(visit).add_key(visit.path["tenant"], visit.form.get("label")[:LONGEST], visit.session.who)
    note = Note(tone="pass", text="This is the new key. It is shown this once: copy it now.", secret=key)
    return Sent(to="/tenants", note=note)


def _revoke(visit: Visit) -> Sent:
    _tenants(visit).revoke(visit.path["key"], visit.session.who)
    return Sent(to="/tenants", note=Note(tone="pass", text=f"The key {visit.path['key']} does not hold any more."))


def _tenants(visit: Visit) -> Tenants:
    if visit.controls.tenants is None:
        raise UserError("this server asks for no keys", hint="It has one tenant: whoever reaches it.")
    return visit.controls.tenants


PAGES = (
    Page(path="/tenants", show=_list, act=_add),
    Page(path="/tenants/{tenant}/keys", act=_add_key, back="/tenants"),
    Page(path="/keys/{key}/revoke", act=_revoke, back="/tenants"),
)
