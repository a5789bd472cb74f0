"""`rung tenant`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, fields, json_option, print_json, show, table
from rung.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.scopes import Scope
    from rung.registry.tenants import TenantRecord

ACTIONS = ("add", "show", "set", "end", "key", "rotate", "revoke", "admin")
KEY_SETTINGS = ("label", "lasts", "overlap")
SHOWN_ONCE = "It is shown this once, and stored nowhere: copy it now."


@click.command(epilog=example("rung tenant add acme models=spam,legal-* requests_per_minute=60"))
@click.argument("action", required=False, type=click.Choice(ACTIONS))
@click.argument("name", required=False)
@click.argument("words", nargs=-1, metavar="[SETTING=VALUE]...")
@json_option
def command(action: str | None, name: str | None, words: tuple[str, ...], as_json: bool) -> None:
    """List who may ask a server of this home; add one; show, change or end one; make, rotate or revoke a key.

    \b
    rung tenant                            all of them
    rung tenant add acme SETTING=VALUE...  a new one; it asks with a key
    rung tenant key acme label=ci lasts=30d  a key for it, shown once
    rung tenant show acme                  settings, keys, what it has taken, every change
    rung tenant set acme at_once=4         what is not said stays
    rung tenant rotate KEY overlap=1h      another key; the old one holds for an hour yet
    rung tenant revoke KEY                 ends one, within a second everywhere
    rung tenant end acme                   no key of its holds any more
    rung tenant admin anna                 a key for the admin plane, shown once

    Settings: models and tools (shell patterns with commas between; the bare base is `base`), requests_per_minute,
    tokens_per_minute, at_once, tokens_per_day, tokens_per_month, usd_per_day, usd_per_month, usd_per_million_tokens (what a token
    counts for where an answer tells no price). `none` lifts a bound; of patterns it allows none. KEY is an id or its beginning.
    """
    from rung.registry.home import open_home

    if action is None:
        _list(as_json)
        return
    if name is None:
        what = "key" if action in ("rotate", "revoke") else "tenant"
        raise UserError(f"which {what}?", hint=f"rung tenant {action} {'KEY' if what == 'key' else 'NAME'}")
    if words and action in ("show", "end", "revoke"):
        raise UserError(f"rung tenant {action} takes no settings", hint=f"rung tenant {action} {name}")
    with open_home(write=action != "show") as home:
        document = _act(home, action, name, words)
    if as_json:
        print_json(document)
    else:
        _tell(action, document)


def _act(home: Home, action: str, name: str, words: tuple[str, ...]) -> dict[str, Any]:
    from rung.registry.scopes import Scope, changed, read_words
    from rung.serve.tenants.told import key_told, tenant_told, tenant_whole

    if action == "show":
        return tenant_whole(home, home.tenants.get(name))
    who = home.keys.me().identity.fingerprint
    if action == "add":
        first = not home.tenants.any()
        return {**tenant_told(home.tenants.add(name, changed(Scope(), read_words(words)), who)), "is_first": first}
    if action == "set":
        record = home.tenants.get(name)
        return tenant_told(home.tenants.change(record, _changed(record.scope, words), who))
    if action == "end":
        return tenant_told(home.tenants.end(home.tenants.get(name), who))
    if action == "revoke":
        return key_told(home, home.api_keys.revoke(home.api_keys.get(name), who=who))
    shown, key = _new_key(home, action, name, words, who)
    return {"key": shown, **key_told(home, key)}


def _changed(scope: Scope, words: tuple[str, ...]) -> Scope:
    from rung.registry.scopes import changed, read_words

    if not words:
        raise UserError("nothing is to be set", hint="rung tenant set NAME requests_per_minute=60")
    return changed(scope, read_words(words))


def _new_key(home: Home, action: str, name: str, words: tuple[str, ...], who: str) -> tuple[str, Any]:
    said = _key_settings(action, words)
    lasts = said.get("lasts", "")
    if action == "admin":
        return home.api_keys.make("admin", label=name, lasts=lasts, who=who)
    if action == "rotate":
        return home.api_keys.rotate(home.api_keys.get(name), overlap=said.get("overlap", "0s"), lasts=lasts, who=who)
    record = home.tenants.get(name)
    if record.has_ended:
        raise UserError(f"the tenant '{record.name}' has ended", hint="rung tenant add makes another.")
    return home.api_keys.make("tenant", record.id, label=said.get("label", ""), lasts=lasts, who=who)


def _key_settings(action: str, words: tuple[str, ...]) -> dict[str, str]:
    """What is said of a key that is made: `label=ci lasts=30d`."""
    fitting = {"key": ("label", "lasts"), "admin": ("lasts",), "rotate": ("overlap", "lasts")}[action]
    said: dict[str, str] = {}
    for word in words:
        setting, equals, value = word.partition("=")
        if not equals or setting not in fitting:
            raise UserError(f"rung tenant {action} has no setting '{setting}'", hint=did_you_mean(setting, fitting))
        said[setting] = value
    return said


def _list(as_json: bool) -> None:
    from rung.registry.home import open_home
    from rung.serve.tenants.told import tenant_told

    with open_home() as home:
        records = home.tenants.all()
        held = {one.id: sum(key.holds(home.audit.moment()) for key in home.api_keys.of(one.id)) for one in records}
        taken = {one.id: home.budgets.now(one.id)[0] for one in records}
    if as_json:
        print_json({"tenants": [tenant_told(one) | {"keys_that_hold": held[one.id]} for one in records]})
        return
    if not records:
        show("No tenants yet: `rung tenant add NAME` makes one. A server without any asks nobody for a key.")
        return
    rows = [
        (one.name, ", ".join(one.scope.models) or "none", _bounds(one), held[one.id], f"{taken[one.id].tokens:,}")
        for one in records
    ]
    show(table(["tenant", "models", "bounds", "keys", "tokens today"], rows, numbers=["keys", "tokens today"]))


def _bounds(record: TenantRecord) -> str | None:
    from rung.registry.scopes import told

    said = {name: value for name, value in told(record.scope).items() if name not in ("models", "tools")}
    return ", ".join(f"{name}={value:g}" for name, value in said.items()) or None


def _tell(action: str, document: dict[str, Any]) -> None:
    if "key" in document:
        until = f"{document['ends'][:16].replace('T', ' ')} UTC" if document["ends"] else "it is revoked"
        show(document["key"], f"{SHOWN_ONCE} It holds until {until}.")
    elif action == "revoke":
        show(f"The key {document['begins']} holds no longer; servers know it within a second.")
    elif action == "show":
        _show(document)
    else:
        done = {"add": "is there", "set": "is changed", "end": "has ended"}[action]
        hint = f" A key for it: rung tenant key {document['name']}" if action == "add" else ""
        show(f"The tenant {document['name']} {done}.{hint}")
        if document.get("is_first"):
            show("Servers of this home that run now ask nobody for a key: start them again.")


def _show(document: dict[str, Any]) -> None:
    settings = {
        name: ", ".join(value) or "none" if isinstance(value, list) else value for name, value in document["settings"].items()
    }
    taken = {
        f"taken {name.replace('_', ' ')}": f"{one['questions']:,} questions, {one['tokens']:,} tokens, {one['usd']:.4f} usd"
        for name, one in document["taken"].items()
    }
    show(fields({"tenant": document["name"], "id": document["id"], "ended": document["ended"] or None, **settings, **taken}))
    keys = [
        (key["begins"], key["label"] or None, key["created"][:16], key["ends"][:16] or None, "yes" if key["holds"] else key["why"])
        for key in document["keys"]
    ]
    if keys:
        show(table(["key", "label", "made (UTC)", "ends (UTC)", "holds"], keys))
    else:
        show(f"It has no key yet: rung tenant key {document['name']}")
    changes = [(one["changed"][:16], one["kind"], one["who"][:16] or None) for one in document["changes"]]
    show(table(["when (UTC)", "what", "by"], changes))
