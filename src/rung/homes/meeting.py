"""Two homes meet: versions of one come into another, with all that speaks for them, and nothing that is there is changed.

A version is known by the line of the audit that registered it first (`registry.origins`), so that what was brought once is not
brought again, whichever way and through however many homes it went. It keeps its number where that is above all that is there,
else gets the next, and remembers what it was called. Blobs come first, each hashed on its way and whole or not there; then the rows
of one version, in one transaction. A kill leaves whole versions, and blobs that the next run finds.

Own aliases come where none of that name stands yet. `champion` and `candidate` come only where none stands and what a promotion
asks for holds in the home they come to, its trust in the signer included: who brings a version does not decide what is served.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rung.errors import RungError, UserError
from rung.promote.promoting import promote
from rung.registry.aliases import BUILT_IN, Move
from rung.registry.names import Version
from rung.registry.origins import Origin, Proof

if TYPE_CHECKING:
    from rung.registry.exchange import Parcel
    from rung.registry.home import Home
    from rung.types import Progress, Stage


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A version that came: what it was called there and is called here, whether it was here before, and what came with it.

    receipt  whether one of it counts here, is signed by a key that is not trusted, or is none
    notes    what whoever brought it should know
    """

    there: str
    here: str
    new: bool
    blobs: int
    bytes: int
    receipt: Literal["counts", "not trusted", "none"]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Followed:
    """An alias that stood on a version that came: `here` is where it stands now; why, where that is not the same version."""

    alias: str
    there: str
    here: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Met:
    """What two homes brought to each other. `strangers` are the keys that signed what came and are not trusted here, as told."""

    versions: tuple[Brought, ...]
    aliases: tuple[Followed, ...]
    strangers: tuple[str, ...]


def wanted(source: Home, refs: Sequence[str]) -> list[Version]:
    """The versions that names (all of each), `name@version` and `name@alias` stand for; all of the home for none; by number.

    Raises UserError for what is not registered there.
    """
    found: dict[str, Version] = {}
    for ref in refs:
        version = source.names.find(ref)
        if version is None:
            raise source.candidates.unknown(ref)
        for one in [version] if "@" in ref else source.names.of(name=ref):
            found[one.ref] = one
    versions = list(found.values()) if refs else source.names.all()
    if not versions:
        raise UserError("nothing is registered there", where=str(source.path), hint="`rung climb` registers what passes.")
    return sorted(versions, key=lambda one: (one.name, one.version))


@dataclass(frozen=True, kw_only=True)
class Road:
    """From which home to which, what the first is called in the second, and whether what is there already is hashed again."""

    source: Home
    target: Home
    label: str
    check: bool = False


def bring(road: Road, versions: Sequence[Version], progress: Progress) -> Met:
    """Brings versions of one home into another.

    Raises UserError for what was changed in the source, BrokenEnvironment for what fails on the way; what is there then stays, and
    the same call goes on.
    """
    brought: dict[str, Brought] = {}
    with progress.stage(f"Versions from {road.label}", len(versions)) as stage:
        for version in versions:
            brought[version.ref] = _one(road, version, stage)
            stage.advance(1)
    standing = _standing(road.source, brought)
    aliases = [_followed(road.target, move, brought[f"{move.name}@{move.version}"].here) for move in standing]
    return Met(versions=tuple(brought.values()), aliases=tuple(aliases), strangers=tuple(_strangers(road.target, road.label)))


def _one(road: Road, version: Version, stage: Stage) -> Brought:
    source, target = road.source, road.target
    proof = source.origins.own(version.name, version.version)
    if proof is None:
        hint = "`rung verify` in that home says what else was changed."
        raise UserError(f"{version.ref} is not in the audit of the home that it is in", where=str(source.path), hint=hint)
    parcel = source.exchange.pack(version)
    known = target.origins.known(proof.line)
    count, size, notes = _bring_blobs(road, parcel, stage, known=known is not None)
    with target.together():
        here = target.origins.known(proof.line)
        if here is None and (twin := target.names.same_as(version.name, version.candidate, version.evidence)):
            here = twin.ref  # the same climb was made in both homes and came to the same: each has its own receipt for it
            parcel = replace(parcel, receipts=(), approvals=())
        is_new = here is None
        _meet_keys(road, {*parcel.signers, proof.signer})
        target.exchange.unpack_candidates(parcel)
        if here is None:
            here = _enter(road, version, proof)
        else:
            _refuse_another(target, here, version)
        name, number = here.partition("@")[0], int(here.rpartition("@")[2])
        notes += target.exchange.unpack(parcel, name, number, frozenset(_lacking(target, parcel)))
    receipts = target.receipts.of(name, number)
    counts = any(receipt.holds for receipt in receipts)
    doubted = any(receipt.doubt and not receipt.faults for receipt in receipts)
    return Brought(
        there=version.ref,
        here=here,
        new=is_new,
        blobs=count,
        bytes=size,
        receipt="counts" if counts else "not trusted" if doubted else "none",
        notes=tuple(notes),
    )


def _enter(road: Road, version: Version, proof: Proof) -> str:
    """Registers what is not there yet, with what it was called in the home that had it first; returns `name@version`."""
    here = road.target.names.receive(version.name, version.version, version.candidate, version.evidence)
    came = road.source.origins.of(version.name, version.version)
    home, ref = (came.home, came.ref) if came else (road.label, version.ref)
    number = int(here.rpartition("@")[2])
    road.target.origins.add(Origin(name=version.name, version=number, line=proof.line, home=home, ref=ref, proof=proof, created=""))
    return here


def _lacking(target: Home, parcel: Parcel) -> Iterator[str]:
    """Answers that did not come."""
    for run in parcel.runs:
        if not target.blobs.holds(run["blob"]):
            yield run["blob"]


def _refuse_another(target: Home, here: str, version: Version) -> None:
    """One line of an audit registers one Candidate: two mean that somebody has changed one of them."""
    found = target.names.find(here)
    if found is None or found.candidate != version.candidate:
        hint = "`rung verify` in both homes says which of them was changed."
        raise UserError(f"{here} and {version.ref} go back to one registration, and are not the same candidate", hint=hint)


def _bring_blobs(road: Road, parcel: Parcel, stage: Stage, *, known: bool) -> tuple[int, int, list[str]]:
    """Copies what the target lacks; how many, their bytes, and what the source lacks of answers, which is told.

    What a version is made of must be there; answers that were lost are no reason to leave it behind.
    """
    source, target = road.source.blobs, road.target.blobs
    count = size = 0
    notes, made_of = list[str](), set(parcel.made_of)
    for name in parcel.blobs:
        there = target.holds(name) if known else target.has(name)
        if there and not (road.check and _is_broken(road.target, name)):
            continue
        if name not in made_of and not source.holds(name):
            notes.append(f"the answers {name[:12]} of {parcel.version.ref} are not in the home it comes from")
            continue
        put = target.mend if there else target.take
        put(name, source.local(name))
        count, size = count + 1, size + source.size_bytes(name)
        stage.advance(0, version=parcel.version.ref, blobs=count, megabytes=round(size / 1e6, 1))
    return count, size, notes


def _is_broken(home: Home, digest: str) -> bool:
    try:
        return not home.blobs.is_intact(digest)
    except RungError:
        return True


def _meet_keys(road: Road, fingerprints: set[str]) -> None:
    """The keys that signed what comes are known from now on, by fingerprint; nothing that they signed counts for that."""
    known, others = road.source.keys.by_fingerprint(), road.source.others.by_fingerprint()
    for fingerprint in sorted(fingerprints - {""}):
        if fingerprint in others:
            road.target.others.met(others[fingerprint].identity, others[fingerprint].home)
        elif fingerprint in known:
            road.target.others.met(known[fingerprint], road.label)


def _standing(source: Home, brought: dict[str, Brought]) -> Iterator[Move]:
    """The aliases of the source that stand on a version that came; own ones first."""
    names = dict.fromkeys(ref.partition("@")[0] for ref in brought)
    moves = [move for name in names for move in source.aliases.standing(name) if f"{move.name}@{move.version}" in brought]
    yield from sorted(moves, key=lambda move: (move.alias in BUILT_IN, move.name, move.alias))


def _followed(target: Home, move: Move, here: str) -> Followed:
    there = f"{move.name}@{move.version}"
    known = target.aliases.at(move.name, move.alias)
    if known is not None:
        stands = f"{move.name}@{known.version}" if known.version is not None else ""
        if stands == here:
            return Followed(alias=move.ref, there=there, here=stands, said="")
        said = f"it stands on {stands} here, and stays" if stands else "it was taken away here, and stays so"
        return Followed(alias=move.ref, there=there, here=stands, said=said)
    if move.alias in BUILT_IN:
        return _promoted(target, move, here, there)
    target.aliases.move(
        move.name,
        move.alias,
        int(here.rpartition("@")[2]),
        expected=0,
        kind="set",
        by=target.keys.me().identity.fingerprint,
        reason=f"as it stands in the home that {here} came from",
    )
    return Followed(alias=move.ref, there=there, here=here, said="")


def _promoted(target: Home, move: Move, here: str, there: str) -> Followed:
    done = promote(target, here, move.alias, load=_none_at_hand)
    if not done.refused:
        return Followed(alias=move.ref, there=there, here=here, said="")
    why = "; ".join(condition.said for condition in done.set_aside)
    return Followed(alias=move.ref, there=there, here="", said=f"not promoted here: {why}")


def _none_at_hand(_lock: str) -> None:
    """No task file of another home is at hand."""


def _strangers(target: Home, label: str) -> Iterator[str]:
    for other in target.others.all():
        if other.home == label:
            yield f"{other.called}, {other.identity.fingerprint[:16]}"
