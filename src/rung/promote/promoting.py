"""An alias goes to a version that a receipt covers, as one transaction; and back to the champion before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.promote.blobs import Hashing
from rung.promote.champion import LoadTask, champion_condition
from rung.promote.conditions import Asked, Condition, approval_condition, asked, receipt_condition
from rung.registry.aliases import CHAMPION, Move, check_alias

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version

BREAK_GLASS = "break-glass"


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What became of it: `move` is None where a condition did not hold, and where the alias stood there already (`standing`)."""

    ref: str
    alias: str
    before: int | None
    conditions: tuple[Condition, ...]
    move: Move | None
    standing: bool = False

    @property
    def refused(self) -> bool:
        """Whether it was not promoted for what did not hold."""
        return self.move is None and not self.standing

    @property
    def set_aside(self) -> tuple[Condition, ...]:
        """What did not hold."""
        return tuple(condition for condition in self.conditions if not condition.holds)


def version_of(home: Home, ref: str) -> Version:
    """The version that a name (its newest), `name@version` or `name@alias` refers to. Raises UserError where there is none."""
    found = home.names.find(ref)
    if found is None:
        raise home.candidates.unknown(ref)
    return found


def _nothing_beside(_move: Move) -> None:
    """The move is all."""


def promote(
    home: Home,
    ref: str,
    alias: str,
    *,
    load: LoadTask,
    break_glass: str | None = None,
    beside: Callable[[Move], object] = _nothing_beside,
) -> Promotion:
    """Moves an alias to a version, where its receipt, the champion, and what its task's consequence asks for allow it.

    break_glass  a reason to do it though they do not: what did not hold is written into the audit
    load         the task of a lock (digest), where its file is at hand as it was
    beside       writes what is to be kept with the move or not at all; what it raises undoes the move

    Raises UserError for what is not registered, for a version whose files are not what was registered, whatever the reason, and
    where another has moved the alias meanwhile.
    """
    check_alias(alias)
    if break_glass is not None and not break_glass.strip():
        raise UserError("a reason is needed to break the glass", hint='Say why, for who reads the audit: --break-glass "...".')
    version = version_of(home, ref)
    seen = home.aliases.at(version.name, alias)
    before = seen.version if seen else None
    if before == version.version:
        return Promotion(ref=version.ref, alias=alias, before=before, conditions=(), move=None, standing=True)
    wanted, promoter = asked(home, version), home.keys.me().identity.fingerprint
    _refuse_changed(home, wanted)
    found = tuple(_conditions(home, wanted, alias, promoter, load))
    refused = [condition for condition in found if not condition.holds]
    told = Promotion(ref=version.ref, alias=alias, before=before, conditions=found, move=None)
    if refused and break_glass is None:
        return told
    with home.together():
        move = home.aliases.move(
            version.name,
            alias,
            version.version,
            expected=seen.generation if seen else 0,
            kind="break-glass" if refused else "promote",
            by=promoter,
            reason=(break_glass or "").strip(),
            receipt=wanted.receipt.digest if wanted.receipt else "",
        )
        home.audit.append("conditions", move.ref, {"version": version.version, "found": [asdict(one) for one in found]})
        beside(move)
    return Promotion(ref=version.ref, alias=alias, before=before, conditions=found, move=move)


def _refuse_changed(home: Home, wanted: Asked) -> None:
    """A version is its files: what they are not any more is no version, and no reason makes it one."""
    if faults := list(Hashing(home).faults(wanted.candidate.artefacts)):
        raise UserError(
            f"{wanted.version.ref} is not what was registered: {'; '.join(faults)}",
            where=str(home.blobs.root),
            hint="Bring the file back as it was, or climb again: a changed file is never served under its old name.",
        )


def _conditions(home: Home, wanted: Asked, alias: str, promoter: str, load: LoadTask) -> list[Condition]:
    found = [receipt_condition(home, wanted)]
    if wanted.receipt is None:
        return found
    rows = list(Hashing(home).faults([wanted.receipt.document.run]))
    if rows:
        return [*found, Condition(name="evaluation", holds=False, said=f"the answers that were judged: {'; '.join(rows)}")]
    if alias != CHAMPION:
        return found
    champion = home.names.find(f"{wanted.version.name}@{CHAMPION}")
    if champion is None:
        found.append(Condition(name="champion", holds=True, said="there is none yet"))
    else:
        found.append(champion_condition(home, wanted, home.candidates.get(champion.candidate), load))
    if wanted.receipt.document.consequence == "high":
        found.append(approval_condition(home, wanted, promoter))
    return found


def rollback(home: Home, name: str) -> Move:
    """Moves the champion to the one before it; no file of any version is read or written.

    What a rollback left is not gone back to: the one before that is next. Raises UserError where there is none before, and where
    the files of that one are gone.
    """
    if "@" in name:
        raise UserError(f"'{name}' names a version", hint=f"Give the name alone: rung rollback {name.partition('@')[0]}.")
    history = home.aliases.history(name, CHAMPION)
    if not history:
        if home.names.find(name) is None:
            raise home.candidates.unknown(name)
        raise UserError(f"{name} has no champion", hint=f"`rung promote {name}` makes its newest version the champion.")
    standing = stood(history)
    if len(standing) < 2:
        since = f"version {standing[0].version} was its first" if standing else "it was taken away"
        hint = f"`rung promote {name}@VERSION` makes another version the champion."
        raise UserError(f"{name} had no champion before: {since}", hint=hint)
    before = standing[-2]
    candidate = home.candidates.get(f"{name}@{before.version}")
    for digest in candidate.artefacts:
        home.blobs.local(digest)
    by = home.keys.me().identity.fingerprint
    with home.together():
        return home.aliases.move(
            name,
            CHAMPION,
            before.version,
            expected=history[-1].generation,
            kind="rollback",
            by=by,
            reason=f"from version {standing[-1].version}",
            receipt=before.receipt,
        )


def stood(history: Sequence[Move]) -> list[Move]:
    """Of an alias' moves those that stand behind one another: each promotion covers the one before, each rollback uncovers it."""
    standing: list[Move] = []
    for move in history:
        if move.version is None:
            standing.clear()
        elif move.kind == "rollback":
            while standing and standing[-1].version != move.version:
                standing.pop()
        else:
            standing.append(move)
    return standing
