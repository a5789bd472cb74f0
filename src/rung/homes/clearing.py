"""What may go from a home, and its going: trials that no version needs, old answers, what killed processes left.

Nothing goes that a version, a receipt or a Run of a registered Candidate needs, that a climb under way or unfinished names, or that
is younger than a day or than the oldest climb under way: what is being made is put into the store before anything names it. What
goes is written into the audit first. A kill at any moment leaves each blob whole or gone.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung.disk import MAKING, explained, left_over
from rung.errors import UserError
from rung.homes.inventory import counted
from rung.json_form import digest
from rung.registry.moments import written
from rung.registry.remote import RemoteStore
from rung.types import batches

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.leases import Holder
    from rung.registry.store import Kept
    from rung.types import Progress, Stage

GRACE_S = 86_400.0
# A climb that began puts things into the store before its lease says so, by clocks that differ.
BEFORE_A_LEASE_S = 3_600.0
DAY_S = 86_400.0
AT_ONCE = 64
CLEARED = "gc"  # the kind of its line in the audit
Kind = Literal["trials", "copies", "answers", "work", "leftovers"]


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long what no version needs is kept: days since it was made. `abandoned` lets go of climbs that were not finished, too."""

    days: float = 30.0
    abandoned: bool = False


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that may go: a blob (its digest), the answers kept under an id, a path in the home. `since` is when it was made."""

    kind: Kind
    name: str
    size: int
    since: str
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What may go, by `retention` at `moment`; `before` is the newest that a blob may be (seconds since 1970).

    kept  blobs that stay, and their bytes; `climbing` says who is at work meanwhile
    """

    retention: Retention
    moment: str
    before: float
    items: tuple[Item, ...]
    kept: int
    kept_bytes: int
    climbing: tuple[str, ...]

    @property
    def size(self) -> int:
        """The bytes that would be free."""
        return sum(item.size for item in self.items)

    def of(self, kind: Kind) -> list[Item]:
        """The items of one kind."""
        return [item for item in self.items if item.kind == kind]


@dataclass(frozen=True, kw_only=True)
class Gone:
    """What went: how many things and bytes of each kind, and how many stayed because somebody needed them meanwhile."""

    counts: dict[str, int]
    bytes: dict[str, int]
    spared: int


def plan(home: Home, retention: Retention, progress: Progress) -> Plan:
    """Looks what may go. Writes nothing. Raises UserError for a number of days that is none."""
    if not retention.days >= 0:
        raise UserError(f"{retention.days:g} is no number of days", hint="rung gc --keep-days 7")
    now, climbing = time.time(), home.leases.living()
    since = written(datetime.fromtimestamp(max(0.0, now - retention.days * DAY_S), UTC))
    started = min((_seconds(holder.since) for holder in climbing), default=now)
    before = max(0.0, min(now - max(GRACE_S, retention.days * DAY_S), started - BEFORE_A_LEASE_S))
    with progress.stage("What is needed") as stage:
        needed = home.reach.needed()
        held = home.reach.held(since, [holder.climb for holder in climbing], abandoned=retention.abandoned)
        ids = home.reach.ids() | held
        stage.advance(1, needed=len(needed))
    with progress.stage("What there is"):
        stored = list(home.blobs.entries())
        going = _going(home, stored, needed.keys() | held, before)
        items = [Item(kind="trials", name=entry.digest, size=entry.size, since=_moment(entry.since)) for entry in going]
        items += _copies(home, before, {entry.digest for entry in going})
        items += [
            Item(kind="answers", name=one.candidate, size=one.size, since=one.last, count=one.n)
            for one in home.answers.aged()
            if one.candidate not in ids and one.last < min(since, _moment(now - GRACE_S))
        ]
        items += _work(home, climbing, before, abandoned=retention.abandoned)
        items += _leftovers(home, now - GRACE_S)
    gone = {entry.digest for entry in going}
    return Plan(
        retention=retention,
        moment=_moment(now),
        before=before,
        items=tuple(items),
        kept=sum(entry.digest not in gone for entry in stored),
        kept_bytes=sum(entry.size for entry in stored if entry.digest not in gone),
        climbing=tuple(str(holder) for holder in climbing),
    )


def _going(home: Home, stored: Sequence[Kept], stays: AbstractSet[str], before: float) -> list[Kept]:
    """The blobs that are not among those that stay, and old. Where a folder is a list of files, it goes before them."""
    pieces = home.blobs.in_pieces()
    old = [entry for entry in stored if entry.digest not in stays and entry.since < before]
    lists = [entry for entry in old if entry.digest in pieces]
    gone = {entry.digest for entry in lists}
    inside = {name for digest, names in pieces.items() if digest not in gone for name in names}
    return lists + [entry for entry in old if entry.digest not in pieces and entry.digest not in inside]


def carry_out(home: Home, planned: Plan, progress: Progress) -> Gone:
    """Clears away what a plan names, unless somebody needs it meanwhile; what goes stands in the audit before it does."""
    home.blobs.bring_back()
    _write_down(home, planned)
    done: list[Item] = []
    with progress.stage("Clearing away", len(planned.items)) as stage:
        for some in batches(planned.of("trials"), AT_ONCE):
            home.cleared.add({item.name: item.size for item in some})
            done += [item for item in some if home.blobs.remove(item.name, planned.before)]
            stage.advance(len(some))
        done += _rest(home, planned, stage)
    if any(item.kind == "answers" for item in done):
        home.shrink_registry()
    kinds = dict.fromkeys(item.kind for item in planned.items)
    return Gone(
        counts={kind: sum(item.count for item in done if item.kind == kind) for kind in kinds},
        bytes={kind: sum(item.size for item in done if item.kind == kind) for kind in kinds},
        spared=len(planned.items) - len(done),
    )


def _rest(home: Home, planned: Plan, stage: Stage) -> Iterator[Item]:
    """Everything but blobs; yields what is gone."""
    for item in planned.items:
        if item.kind == "trials":
            continue
        if item.kind == "copies":
            assert isinstance(home.blobs, RemoteStore)
            gone = home.blobs.uncache(item.name, planned.before)
        elif item.kind == "answers":
            gone = home.answers.clear(item.name, planned.moment) > 0
        else:
            gone = _clear_path(home.path / item.name)
        stage.advance(1)
        if gone:
            yield item


def _clear_path(path: Path) -> bool:
    with explained(path), suppress(FileNotFoundError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return True


def _write_down(home: Home, planned: Plan) -> None:
    """One line of the audit: how much of each kind goes, by which settings, who says so, and the digest of the whole list."""
    if not planned.items:
        return
    kinds = dict.fromkeys(item.kind for item in planned.items)
    home.audit.append(
        CLEARED,
        "",
        {
            "by": home.keys.me().identity.fingerprint,
            "retention": asdict(planned.retention),
            "going": {kind: {"n": len(planned.of(kind)), "bytes": sum(item.size for item in planned.of(kind))} for kind in kinds},
            "list": digest([[item.kind, item.name, item.size] for item in planned.items]),
        },
    )


def _copies(home: Home, before: float, going: AbstractSet[str]) -> Iterator[Item]:
    """Copies of blobs that lie in a bucket, which nobody here has used for so long; they are fetched again when they are needed."""
    if isinstance(home.blobs, RemoteStore):
        for entry in home.blobs.cached():
            if entry.since < before and entry.digest not in going:
                yield Item(kind="copies", name=entry.digest, size=entry.size, since=_moment(entry.since))


def _work(home: Home, climbing: Sequence[Holder], before: float, *, abandoned: bool) -> Iterator[Item]:
    """Work folders of climbs that have ended, or that the registry does not know."""
    ended, busy = home.reach.climbs_by_work(), {holder.climb[:16] for holder in climbing}
    for folder in sorted((home.path / "climbs").glob("*")):
        if folder.name.startswith(MAKING) or folder.name in busy or not (abandoned or ended.get(folder.name, True)):
            continue
        newest = _newest(folder)
        if newest < before:
            yield _path_item("work", home, folder, newest)


def _leftovers(home: Home, before: float) -> Iterator[Item]:
    """What processes that are gone left half made, and downloads that were not finished."""
    places = [
        home.path / "blobs" / "tmp",
        *[child for child in sorted(home.path.glob("*")) if child.is_dir() and child.name != "blobs"],
    ]
    for folder in (home.path, *places):
        patterns = (f"{MAKING}*",) if folder == home.path else (f"**/{MAKING}*", "**/*.incomplete")
        for left in dict.fromkeys(left for pattern in patterns for left in left_over(folder, pattern)):
            newest = _newest(left)
            if newest < before and not any(parent.name.startswith(MAKING) for parent in left.parents):
                yield _path_item("leftovers", home, left, newest)


def _path_item(kind: Kind, home: Home, path: Path, newest: float) -> Item:
    files, size = counted(path)
    return Item(kind=kind, name=path.relative_to(home.path).as_posix(), size=size, since=_moment(newest), count=max(files, 1))


def _newest(path: Path) -> float:
    """When something in it was last written."""
    found = [path.lstat().st_mtime]
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                found.append(os.lstat(os.path.join(folder, name)).st_mtime)
    return max(found)


def _moment(seconds: float) -> str:
    return written(datetime.fromtimestamp(max(0.0, seconds), UTC))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
