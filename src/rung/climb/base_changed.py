"""A base that is not what it was: which names rest on what it was, and that a climb begins anew on what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rung.engine.bases.base_parts import BaseChanged, changed_in_words, what_changed
from rung.engine.bases.fetch import fetched
from rung.engine.bases.resolve import resolve
from rung.errors import UserError
from rung.registry.aliases import CHAMPION
from rung.sources.base import BaseReference

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.registry.home import Home
    from rung.types import Candidate

MOST_NAMED = 8


@contextmanager
def naming_affected(home: Home | Path) -> Iterator[None]:
    """Adds to an error about a changed base which names rest on what it was."""
    try:
        yield
    except BaseChanged as changed:
        note_affected(changed, changed, home)
        raise


def refuse_changed(home: Home, candidate: Candidate) -> None:
    """Raises BaseChanged where the base of a Candidate is on this machine and is not what it was made on.

    Answers that are known from before would hide it: whoever measures asks first.
    """
    reference = candidate.base_reference
    if reference.pin and (reference.kind == "scripted" or fetched(reference, home.path)):
        with naming_affected(home):
            resolve(candidate.base, home.path, blobs=home.blobs)


def note_affected(error: UserError, changed: BaseChanged, home: Home | Path) -> None:
    """Adds a note to `error` that says which names rest on what the base was."""
    from rung.registry.home import open_home

    if isinstance(home, Path):
        with open_home(home) as opened:
            told = affected(opened, changed.pinned)
    else:
        told = affected(home, changed.pinned)
    if told and told not in getattr(error, "__notes__", ()):
        error.add_note(told)


def affected(home: Home, pinned: str) -> str:
    """`On what it was rest tone@3 (champion) and mail@1.`; "" where no version does. `pinned` is the digest that it had."""
    versions = home.names.on(pinned)
    champions = {move.name: move.version for move in home.aliases.standing() if move.alias == CHAMPION} if versions else {}
    newest = {version.name: version for version in versions}
    served = [version for version in versions if champions.get(version.name) == version.version]
    shown = {version.name: version for version in (*newest.values(), *served)}
    named = [f"{one.ref}{' (champion)' if champions.get(name) == one.version else ''}" for name, one in sorted(shown.items())]
    if not named:
        return ""
    more = f" and {len(named) - MOST_NAMED:,} more names" if len(named) > MOST_NAMED else ""
    return f"On what it was rest: {', '.join(named[:MOST_NAMED])}{more}."


def begins_anew(home: Home, task: str, base: Base) -> str:
    """What to say where a task (digest) was climbed on the same base when that had other files; "" where it was not."""
    earlier = [_locked_base(home, begun.climb) for begun in home.climbs.all() if begun.task == task]
    others = [one for one in earlier if one is not None and one.bare == base.reference.bare and one.pin != base.digest]
    if not others or any(one is not None and one.pin == base.digest for one in earlier):
        return ""
    was = others[-1]
    what = changed_in_words(what_changed(home.path, was.pin, base.parts))
    return (
        f"The base {base.reference.bare} is not what this task was climbed on before: {what}. This climb begins anew, on what it "
        f"is now. {affected(home, was.pin)} `rung campaign {base.reference}` climbs all of them again."
    )


def _locked_base(home: Home, climb: str) -> BaseReference | None:
    lock = home.climbs.fact(climb, "lock")
    pinned = (lock or {}).get("base", {}).get("pinned")
    return BaseReference.read(pinned) if isinstance(pinned, str) and pinned else None
