"""`rung keys`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.keys import Identity


@click.command(epilog=example("rung keys add bob 'ssh-ed25519 AAAA... bob@example.com'"))
@click.argument("action", required=False, type=click.Choice(["make", "add", "trust"]))
@click.argument("name", required=False)
@click.argument("key", required=False)
@json_option
def command(action: str | None, name: str | None, key: str | None, as_json: bool) -> None:
    """List the identities that this home knows; make one; add another person's; trust one of another home.

    `rung keys make NAME` makes an Ed25519 key, whose private half lies in a file of the home that its owner alone may read. `rung
    keys add NAME KEY` adds a public key: `ed25519:...` as this command shows it, a line of OpenSSH's, or a file of either. Who acts
    is who RUNG_IDENTITY names (an identity of the home, or a private key's file), else who is logged in.

    Keys that signed what was brought from another home are known by fingerprint. `rung keys trust FINGERPRINT [NAME]` lets what one
    has signed count here: a verifier's receipts, a person's approvals.
    """
    from rung.registry.home import open_home

    _check(action, name, key)
    with open_home(write=action is not None) as home:
        if action == "make":
            home.keys.make(name or "")
        elif action == "add":
            home.keys.add(name or "", key or "")
        elif action == "trust":
            home.others.trust(name or "", key)
        others = [asdict(other.identity) | {"home": other.home} for other in home.others.all()]
        known = [_told(home, identity) for identity in home.keys.all()]
    if as_json:
        print_json({"identities": known, "not_trusted": others})
        return
    if known:
        rows = [
            (row["name"], row["kind"], row["fingerprint"][:16], row["public"], "here" if row["private_here"] else None)
            for row in known
        ]
        show(table(["name", "kind", "fingerprint", "public key", "private key"], rows))
    else:
        show("No identities yet: they are made on first need, or by `rung keys make NAME`.")
    if others:
        rows = [(row["name"], row["kind"], row["home"], row["fingerprint"][:16], row["public"]) for row in others]
        show("Keys of other homes, not trusted here (`rung keys trust FINGERPRINT`):")
        show(table(["name there", "kind", "home", "fingerprint", "public key"], rows))


def _check(action: str | None, name: str | None, key: str | None) -> None:
    """Raises UserError where a name or a key is missing, or one too many."""
    if action and not name:
        done = {"make": "made", "add": "added", "trust": "trusted"}[action]
        raise UserError(f"whose key is to be {done}?", hint=f"rung keys {action} {'FINGERPRINT' if action == 'trust' else 'NAME'}")
    if action == "add" and not key:
        raise UserError(
            "the public key is missing", hint="rung keys add NAME KEY, with ed25519:..., a line ssh-ed25519 ..., or a file."
        )
    if action == "make" and key:
        raise UserError("a key that is made is not given", hint="rung keys make NAME, or rung keys add NAME KEY.")


def _told(home: Home, identity: Identity) -> dict[str, Any]:
    return asdict(identity) | {"private_here": home.keys.has_private(identity)}
