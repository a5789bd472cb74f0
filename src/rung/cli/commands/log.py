"""`rung log`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.climbing import why_of
from rung.cli.output import example, json_option, print_json, show, table

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.keys import Identity
    from rung.registry.story import Event


@click.command(epilog=example("rung log tone"))
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Tell the story of NAME: what was registered, which alias was moved, when, by whom and why; the newest first.

    name@champion tells that alias's alone, name@3 what concerns that version.
    """
    from rung.registry.home import open_home

    with open_home() as home:
        document = _told(home, events_of(home, name))
    if as_json:
        print_json({"name": name.partition("@")[0], "events": document})
        return
    show(table(["when (UTC)", "what", "how", "by", "why"], [_row(told) for told in document]))
    if late := [told for told in document if told["clock_went_back"]]:
        words = "1 entry is" if len(late) == 1 else f"{len(late)} entries are"
        show(f"The clock of this home had gone back where it is marked *: {words} in the order of writing, not of the moments.")


def events_of(home: Home, ref: str) -> list[Event]:
    """The story of a name, or the part of it that concerns a version or an alias. Raises UserError where there is none."""
    from rung.registry.story import story

    name, at, which = ref.partition("@")
    whole = story(home.names.of(name=name), home.aliases.history(name))
    events = [event for event in whole if not at or _concerns(event, which)]
    if not events:
        raise home.candidates.unknown(ref)
    return events


def _concerns(event: Event, which: str) -> bool:
    if event.move and event.move.alias == which:
        return True
    return which in [str(event.version.version) if event.version else "", str(event.before)]


def _told(home: Home, events: Sequence[Event]) -> list[dict[str, Any]]:
    """The events as JSON, with what their versions rest on and who moved them."""
    from rung.registry.ended import told_versions

    concerned = {event.version.ref: event.version for event in events if event.version}
    versions = dict(zip(concerned, told_versions(home, list(concerned.values())), strict=True))
    known = home.keys.by_fingerprint()
    return [
        {
            "created": event.created,
            "kind": event.move.kind if event.move else "registered",
            "told": event.told,
            "version": versions[event.version.ref] if event.version else None,
            "move": asdict(event.move) if event.move else None,
            "before": event.before,
            "by": _called(event.move.by, known) if event.move else "",
            "clock_went_back": event.late,
        }
        for event in events
    ]


def _called(fingerprint: str, known: Mapping[str, Identity]) -> str:
    return known[fingerprint].name if fingerprint in known else fingerprint[:16]


def _row(told: dict[str, Any]) -> tuple[Any, ...]:
    version, move = told["version"], told["move"]
    when = f"{told['created'][:19].replace('T', ' ')}{' *' if told['clock_went_back'] else ''}"
    if move is None:
        return when, told["told"], f"{version['rung']} {version['candidate'][:12]}", None, why_of(version)
    receipt = f"receipt {move['receipt'][:12]}" if move["receipt"] else ""
    return when, told["told"], move["kind"], told["by"] or None, "; ".join(filter(None, [move["reason"], receipt])) or None
