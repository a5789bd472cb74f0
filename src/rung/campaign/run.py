"""Runs a campaign, name by name: climb, compare, promote. What is done is a fact in the home, so that it is never done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.campaign import words
from rung.campaign.again import on_new_base, task_again
from rung.campaign.compare import Ended, compare
from rung.campaign.facts import Climbed, Entry, Promoted, Refused
from rung.campaign.plan import Wanted, version_below
from rung.campaign.record import Asked, Record
from rung.campaign.standing import standing_at
from rung.climb.at_hand import tasks_at_hand
from rung.climb.climb import climb
from rung.engine.bases.resolve import Base, resolve
from rung.errors import UserError
from rung.json_form import as_json
from rung.promote.promoting import promote, version_of
from rung.registry.aliases import CHAMPION
from rung.sources.base import BaseReference
from rung.types import Progress, Task

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.leases import Lease


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign under way: where it goes, its record, and the lease that no other process holds meanwhile."""

    home: Home
    base: Base
    record: Record
    lease: Lease
    progress: Progress

    @property
    def id(self) -> str:
        return self.record.campaign


def located(reference: str) -> str:
    """A reference to something on this machine by its whole path, as tasks have it; any other, and a part of one, as it is."""
    try:
        named = BaseReference.read(reference)
    except UserError:
        return reference
    place = Path(named.name).expanduser()
    return str(named.at(place.resolve())) if named.is_path and place.exists() else reference


def new_base(reference: str, home: Home, progress: Progress) -> Base:
    """The base that a campaign goes to, fetched and looked at. Raises UserError for what is no base that could answer."""
    named = BaseReference.read(reference)
    if named.kind == "registered":
        hint = "Name the model: what is built on a version is climbed again with it."
        raise UserError(f"'{reference}' is a registered version, not a base", hint=hint)
    return resolve(located(reference), home.path, blobs=home.blobs, progress=progress)


def asked_for(base: Base) -> Asked:
    """What a campaign to a base is known by."""
    return Asked(base=str(base.reference), pinned=base.pinned, template=base.template_digest)


def open_campaign(home: Home, base: Base, progress: Progress) -> Campaign:
    """Begins a campaign, or goes on with one. Raises UserError where another process is at it."""
    asked = asked_for(base)
    lease = home.leases.take(asked.id, asked.base, doing="is on a campaign to")
    try:
        home.campaigns.begin(asked.id, as_json(asked))
        return Campaign(home=home, base=base, record=Record(home, asked.id), lease=lease, progress=progress)
    except BaseException:
        lease.close()
        raise


def run(under_way: Campaign, entries: Sequence[Entry], wanted: Wanted, *, promoting: bool) -> None:
    """Climbs, compares and promotes what has not been, in the order of the entries.

    What keeps one name from being climbed is written down, and the others are gone on with. Raises BrokenEnvironment for what keeps
    all of them, and BaseChanged where the new base is not what it was when the campaign began.
    """
    record = under_way.record
    for number, entry in enumerate(entries, 1):
        resolve(under_way.base.pinned, under_way.home.path, blobs=under_way.home.blobs, progress=under_way.progress)
        if entry.name not in record.climbed or entry.name not in record.compared:
            with under_way.progress.stage(f"{entry.name} on {under_way.base.reference} ({number} of {len(entries)})"):
                _climb(under_way, entry, wanted)
        if promoting and entry.name in record.climbed:
            _promote(under_way, record.climbed[entry.name])


def _climb(under_way: Campaign, entry: Entry, wanted: Wanted) -> None:
    """A name's climb, and its comparison; or why it cannot be."""
    record, home = under_way.record, under_way.home
    try:
        task = _task(under_way, entry, wanted)
        if entry.name not in record.climbed:
            document = climb(task, home, progress=under_way.progress)
            winner = home.candidates.get(document.verdict.winner) if document.verdict.winner else None
            record.add(words.climbed(entry, home.candidates.get(entry.candidate), winner, document))
        done = record.climbed[entry.name]
        ended = Ended(task=task, climb=done.climb, version=done.version or "")
        found = compare(home, entry, ended, under_way.progress)
        with home.together():
            record.add(found)
            record.add(Refused(name=entry.name, problem=""))
    except UserError as error:
        under_way.progress.note(f"{entry.name}: {error.message}")
        record.add(Refused(name=entry.name, problem=error.problem, where=error.where, hint=error.hint))


def _task(under_way: Campaign, entry: Entry, wanted: Wanted) -> Task:
    """The task on the new base, or on what came of the name that it is built on."""
    home, record = under_way.home, under_way.record
    again = task_again(home, standing_at(home, version_of(home, entry.old), served=entry.served), wanted.given)
    below = ""
    if again.built_on:
        done = record.climbed.get(again.built_on)
        if again.built_on in record.entries and (done is None or done.version is None):
            raise UserError(
                f"it is built on {again.built_on}, which has not passed on the new base",
                hint=f"It is climbed once {again.built_on} passes; or name another base in its task, and give that: --task FILE",
            )
        below = done.version if done and done.version else version_below(home, again)
    return on_new_base(home, again, str(under_way.base.reference), below=below)


def _promote(under_way: Campaign, done: Climbed) -> None:
    """Moves the champion to what passed, where its receipt and what its task asks for allow it; the glass is never broken."""
    home, record = under_way.home, under_way.record
    before = record.promoted.get(done.name)
    if done.version is None or (before is not None and (before.moved or before.standing)):
        return
    try:
        told = promote(home, done.version, CHAMPION, load=tasks_at_hand(home))
    except UserError as error:
        record.add(Promoted(name=done.name, version=done.version, moved=False, conditions=(error.problem,), hints=(error.hint,)))
        return
    record.add(
        Promoted(
            name=done.name,
            version=done.version,
            moved=told.move is not None,
            standing=told.standing,
            conditions=tuple(f"{one.name}: {one.said}" for one in told.set_aside),
            hints=tuple(dict.fromkeys(one.hint for one in told.set_aside if one.hint)),
        )
    )
