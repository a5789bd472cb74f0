"""What is registered: names, versions, aliases, receipts, where each came from, and what parts two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.errors import BrokenEnvironment, UserError
from rung.json_form import as_json
from rung.promote.conditions import receipt_faults
from rung.promote.differences import differences
from rung.promote.proofs import Hands, Link, proofs
from rung.registry.ended import told_versions
from rung.registry.lineage import lineage
from rung.registry.lookup import look_up
from rung.registry.story import Event, story
from rung.report.facts import State
from rung.serve.dashboard.visits import Missing, Page, Shown, Visit

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.registry.receipts import Receipt
    from rung.registry.signed import Signed
    from rung.types import Candidate, Task

A_PAGE = 40
LINKS: Mapping[str, State] = {
    "PROVED": State(word="PROVED", mark="✓", tone="pass"),
    "CLAIMED": State(word="CLAIMED", mark="?", tone="undecided"),
    "MISSING": State(word="MISSING", mark="–", tone="quiet"),
    "BROKEN": State(word="BROKEN", mark="✗", tone="fail"),
}


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name with its newest version, how many there are, and where its aliases stand."""

    newest: Version
    count: int
    aliases: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, kw_only=True)
class Covered:
    """What speaks for a version: a receipt that holds, one that does not (`why`), or only its own word."""

    state: State
    why: str = ""
    receipt: Signed[Receipt] | None = None


def covered(home: Home, version: Version, candidate: Candidate | None = None) -> Covered:
    """By its receipts as they are stored; nothing is hashed anew."""
    known = home.receipts.of(version.name, version.version)
    if not known:
        said = version.evidence.claimed or "no gate has judged it"
        word = "CLAIMED" if version.is_claimed else "no receipt"
        return Covered(state=State(word=word, mark="?", tone="undecided" if version.is_claimed else "quiet"), why=said)
    candidate = candidate or home.candidates.get(version.candidate)
    for one in reversed(known):
        if not receipt_faults(one, version, candidate):
            return Covered(state=State(word="receipt holds", mark="✓", tone="pass"), receipt=one)
    why = "; ".join(receipt_faults(known[-1], version, candidate))
    return Covered(state=State(word="receipt does not hold", mark="✗", tone="fail"), why=why, receipt=known[-1])


def _list(visit: Visit) -> Shown:
    home, wanted, by = visit.controls.home, visit.asked("q"), visit.asked("by")
    standing: dict[str, list[tuple[str, int | None]]] = {}
    for move in home.aliases.standing():
        standing.setdefault(move.name, []).append((move.alias, move.version))
    groups: dict[str, list[Version]] = {}
    for version in home.names.on(wanted) if by == "ground" and wanted else home.names.all():
        groups.setdefault(version.name, []).append(version)
    names = [
        Name(newest=versions[-1], count=len(versions), aliases=tuple(standing.get(name, ())))
        for name, versions in groups.items()
        if by == "ground" or wanted.lower() in name.lower()
    ]
    names.sort(key=lambda one: one.newest.created, reverse=True)
    start = int(text) if (text := visit.asked("from")).isascii() and text.isdecimal() and len(text) < 9 else 0
    views = {
        "names": names[start : start + A_PAGE],
        "count": len(names),
        "any": bool(groups) or bool(wanted),
        "q": wanted,
        "by": by,
        "before": max(0, start - A_PAGE) if start else None,
        "after": start + A_PAGE if len(names) > start + A_PAGE else None,
    }
    return Shown(template="registry.html", title="Registry", nav="registry", views=views)


def _name(visit: Visit) -> Shown:
    """A name: its versions and its story."""
    home, name = visit.controls.home, visit.path["name"]
    versions = home.names.of(name=name)
    if not versions:
        raise Missing(f"nothing is registered as '{name[:80]}'", hint="The menu's Registry has what is.")
    moves = home.aliases.history(name)
    standing: dict[int | None, list[str]] = {}
    for move in home.aliases.standing(name):
        standing.setdefault(move.version, []).append(move.alias)
    newest = list(reversed(versions))[:A_PAGE]
    told = dict(zip([one.ref for one in newest], told_versions(home, newest), strict=True))
    rows = [(one, standing.get(one.version, []), told[one.ref]["sentence"], covered(home, one)) for one in newest]
    views = {
        "name": name,
        "rows": rows,
        "count": len(versions),
        "events": [(event, _by(home, event)) for event in story(versions, moves)],
    }
    return Shown(template="name.html", title=name, nav="registry", views=views)


def _by(home: Home, event: Event) -> str:
    """Who moved an alias, by name where the home knows it."""
    return home.keys.called(event.move.by) if event.move and event.move.by else ""


def _version(visit: Visit) -> Shown:
    """A version: how it answers, what speaks for it, what it was made from."""
    home = visit.controls.home
    known = look_up(home, visit.path["ref"])
    if known.version is None:
        raise Missing(f"{known.ref} is a candidate that has no name", hint=f"`rung show {known.ref}` tells of it.")
    version, candidate = known.version, known.candidate
    checks = visit.asked("check") == "1"
    views = {
        "version": version,
        "candidate": candidate,
        "parts_of": as_json(candidate),
        "told": told_versions(home, [version])[0],
        "aliases": [move for move in home.aliases.standing(version.name) if move.version == version.version],
        "covered": covered(home, version, candidate),
        "lineage": lineage(home, known),
        "artefacts": [_artefact(home, digest) for digest in candidate.artefacts],
        "runs": home.runs.records(candidate.id)[::-1],
        "others": [one for one in home.names.of(name=version.name) if one.version != version.version][::-1],
        "links": [(one, LINKS[one.status]) for one in _links(home, version)] if checks else [],
        "checked": checks,
        "note": known.note,
    }
    return Shown(template="version.html", title=version.ref, nav="registry", views=views)


def _links(home: Home, version: Version) -> Sequence[Link]:
    """What of it is proved now, with what this machine has: files are hashed again, nothing is asked again."""
    return proofs(home, version, Hands(load=_not_at_hand, runtime=_no_runtime, replay=0))


def _not_at_hand(_lock: str) -> Task | None:
    return None


def _no_runtime(_task: Task) -> Runtime:
    raise UserError("nothing is asked again here", hint="`rung verify` does.")


def _artefact(home: Home, digest: str) -> dict[str, Any]:
    """A blob's size, or why it is not there."""
    try:
        return {"digest": digest, "bytes": home.blobs.size_bytes(digest), "gone": ""}
    except BrokenEnvironment as error:
        return {"digest": digest, "bytes": None, "gone": error.problem}


def _diff(visit: Visit) -> Shown:
    """What parts two versions."""
    home, before, after = visit.controls.home, visit.asked("before"), visit.asked("after")
    known = [version.ref for version in home.names.all()][-400:]
    views: dict[str, Any] = {"before": before, "after": after, "known": known, "found": None, "problem": None}
    if before and after:
        try:
            views["found"] = differences(home, look_up(home, before), look_up(home, after))
        except UserError as error:
            views["problem"] = error
    return Shown(template="diff.html", title="What parts two versions", nav="registry", views=views)


PAGES = (
    Page(path="/registry", show=_list),
    Page(path="/registry/{name}", show=_name),
    Page(path="/versions/{ref}", show=_version),
    Page(path="/diff", show=_diff),
)
