"""`rung keys`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rung.registry.endings import Ending
    from rung.registry.home import Home
    from rung.registry.keys import Identity


@click.command(epilog=example("rung keys add bob 'ssh-ed25519 AAAA... bob@example.com'"))
@click.argument("action", required=False, type=click.Choice(["make", "add", "retire", "rotate", "trust"]))
@click.argument("name", required=False)
@click.argument("key", required=False)
@click.option("--compromised-since", "since", help="With retire or rotate: since when others may have had it (2026-11-03, UTC).")
@json_option
def command(action: str | None, name: str | None, key: str | None, since: str | None, as_json: bool) -> None:
    """List the identities that this home knows; make one; add another person's; end one, or put another in its place; trust one of
    another home.

    `rung keys make NAME` makes an Ed25519 key, whose private half lies in a file of the home that its owner alone may read. `rung
    keys add NAME KEY` adds a public key: `ed25519:...` as this command shows it, a line of OpenSSH's, or a file of either. Who acts
    is who RUNG_IDENTITY names (an identity of the home, or a private key's file), else who is logged in.

    `rung keys retire NAME` ends a key: what it signed before counts, what it signs from now on does not. `rung keys rotate NAME`
    makes the next one as well, NAME-2, which is the same person (or verifier); `rung keys rotate NAME KEY` where it lies elsewhere.
    Receipts and approvals that a key signed since the moment of --compromised-since do not count any more either; `rung verify`
    names them, and what was promoted on them.

    Keys that signed what was brought from another home are known by fingerprint. `rung keys trust FINGERPRINT [NAME]` lets what one
    has signed count here: a verifier's receipts, a person's approvals.
    """
    from rung.registry.home import open_home

    _check(action, name, key, since)
    with open_home(write=action is not None) as home:
        if action is not None:
            _act(home, action, name or "", key, since)
        others = [asdict(other.identity) | {"home": other.home} for other in home.others.all()]
        ended = home.keys.endings()
        known = [_told(home, identity, ended) for identity in home.keys.all()]
    if as_json:
        print_json({"identities": known, "not_trusted": others})
        return
    if known:
        rows = [
            (
                row["name"],
                row["kind"],
                row["fingerprint"][:16],
                row["public"],
                "here" if row["private_here"] else None,
                row["ended"],
            )
            for row in known
        ]
        show(table(["name", "kind", "fingerprint", "public key", "private key", "ended"], rows))
    else:
        show("No identities yet: they are made on first need, or by `rung keys make NAME`.")
    if others:
        strangers = [(row["name"], row["kind"], row["home"], row["fingerprint"][:16], row["public"]) for row in others]
        show("Keys of other homes, not trusted here (`rung keys trust FINGERPRINT`):")
        show(table(["name there", "kind", "home", "fingerprint", "public key"], strangers))


def _act(home: Home, action: str, name: str, key: str | None, since: str | None) -> None:
    from rung.registry.endings import read_since

    moment = read_since(since, home.audit.moment()) if since is not None else ""
    if action == "make":
        home.keys.make(name)
    elif action == "add":
        home.keys.add(name, key or "")
    elif action == "retire":
        home.keys.retire(name, moment)
    elif action == "trust":
        home.others.trust(name, key)
    else:
        home.keys.rotate(name, key, moment)


def _check(action: str | None, name: str | None, key: str | None, since: str | None) -> None:
    """Raises UserError where a name or a key is missing, or one too many."""
    if action and not name:
        done = {"make": "made", "add": "added", "retire": "retired", "rotate": "rotated", "trust": "trusted"}[action]
        raise UserError(f"whose key is to be {done}?", hint=f"rung keys {action} {'FINGERPRINT' if action == 'trust' else 'NAME'}")
    if action == "add" and not key:
        raise UserError(
            "the public key is missing", hint="rung keys add NAME KEY, with ed25519:..., a line ssh-ed25519 ..., or a file."
        )
    if action == "make" and key:
        raise UserError("a key that is made is not given", hint="rung keys make NAME, or rung keys add NAME KEY.")
    if action == "retire" and key:
        raise UserError("a key that is retired is not given", hint="rung keys retire NAME, or rung keys rotate NAME KEY.")
    if since is not None and action not in ("retire", "rotate"):
        raise UserError("--compromised-since is for retire and rotate", hint="rung keys rotate NAME --compromised-since 2026-11-03")


def _told(home: Home, identity: Identity, ended: Mapping[str, Ending]) -> dict[str, Any]:
    ending = ended.get(identity.fingerprint)
    told = asdict(identity) | {"private_here": home.keys.has_private(identity)}
    return told | {"ended": ending.said.removeprefix("was ") if ending else None}
