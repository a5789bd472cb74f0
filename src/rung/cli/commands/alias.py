"""`rung alias`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

import click

from rung.cli.output import example, json_option, print_json, show
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.aliases import Move
    from rung.registry.home import Home


@click.command(epilog=example('rung alias tone blue --to 3 --reason "the release of May"'))
@click.argument("name")
@click.argument("alias")
@click.option("--to", "target", help="The version that it shall stand for: its number, or another alias of NAME.")
@click.option("--remove", is_flag=True, help="Take it away; its history stays.")
@click.option("--reason", default="", help="Why: it is kept beside the move.")
@click.option("--seen", type=click.IntRange(min=0), help="Only where it has been moved so often (`rung log`): 0, never yet.")
@json_option
def command(name: str, alias: str, target: str | None, remove: bool, reason: str, seen: int | None, as_json: bool) -> None:
    """Let ALIAS stand for a version of NAME: name@alias is then taken wherever name@version is.

    Without --to and --remove it says where ALIAS stands. Every move is kept (`rung log NAME`).
    """
    from rung.registry.home import open_home

    if target is not None and remove:
        raise UserError("both --to and --remove are given", hint="Give one of them.")
    if target is None and not remove:
        with open_home() as home:
            moved = _standing(home, name, alias)
    else:
        _refuse_built_in(name, alias)
        with open_home(write=True) as home:
            version = None if remove else _version(home, name, str(target))
            kind: Literal["remove", "set"] = "remove" if remove else "set"
            by = home.keys.me().identity.fingerprint
            moved = home.aliases.move(name, alias, version, expected=seen, kind=kind, by=by, reason=reason)
    if as_json:
        print_json(asdict(moved))
    else:
        show(f"{moved.ref} {'is taken away' if moved.version is None else f'is {name}@{moved.version}'} (move {moved.generation}).")


def _standing(home: Home, name: str, alias: str) -> Move:
    found = home.aliases.at(name, alias)
    if found is None or found.version is None:
        raise home.candidates.unknown(f"{name}@{alias}")
    return found


def _version(home: Home, name: str, target: str) -> int:
    ref = f"{name}@{target.removeprefix(f'{name}@')}"
    found = home.names.find(ref)
    if found is None:
        raise home.candidates.unknown(ref)
    return found.version


def _refuse_built_in(name: str, alias: str) -> None:
    from rung.registry.aliases import BUILT_IN

    if alias in BUILT_IN:
        raise UserError(
            f"'{alias}' is moved by what proves a version, not by hand",
            hint=f"`rung promote {name} --to {alias}` moves it, `rung rollback {name}` takes the last promotion back.",
        )
