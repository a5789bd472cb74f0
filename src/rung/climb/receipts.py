"""The receipt of what passed, from the record of its climb: made when a version is registered, or later, for homes of before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung import __version__
from rung.climb.facts import Registered
from rung.climb.record import Record
from rung.errors import UserError
from rung.registry.db import now
from rung.registry.receipts import Consequence, Receipt
from rung.types import Bar, Run, Task, Verdict
from rung.verify.bars import say
from rung.verify.environment import code_digest
from rung.verify.reading import Reading

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the lock a receipt repeats, beside its digest."""

    consequence: Consequence
    alpha: float
    seed: int
    bars: tuple[Bar, ...]

    @classmethod
    def of(cls, task: Task) -> Asked:
        """Of a task at hand."""
        return cls(consequence=task.consequence, alpha=task.alpha, seed=task.seed, bars=(task.quality, *task.guards))


def receipt_of(home: Home, record: Record, registered: Registered, asked: Asked, *, maker: str = "", remade: str = "") -> Receipt:
    """What the record says of a version; `remade` by which rung, where that is not the one that judged."""
    passed, lock = record.passed(registered.rung), record.lock
    candidate = home.candidates.get(registered.candidate)
    name, _, version = registered.version.partition("@")
    judged = passed.judged
    return Receipt(
        name=name,
        version=int(version),
        candidate=candidate.id,
        artefacts=candidate.artefacts,
        base=candidate.base,
        template=candidate.template,
        task=lock.task,
        data=lock.data,
        consequence=asked.consequence,
        alpha=asked.alpha,
        seed=asked.seed,
        bars=asked.bars,
        climb=record.climb,
        rung=registered.rung,
        run=judged.run,
        status=judged.status,
        verdict=judged.verdict,
        guards=judged.guards,
        level=judged.alpha,
        maker=maker,
        rung_version=str(lock.environment.get("rung", "")),
        code="" if remade else code_digest(),
        created=now(),
        remade=remade,
    )


def receipt_of_evaluation(home: Home, ref: str, task: Task, run: Run, readings: Sequence[Reading], alpha: float) -> Receipt:
    """What an evaluation on test says of a version (`name@3`) that was brought in from outside, and that passed every bar, each at
    `alpha`."""
    from rung.data.digest import data_digests

    candidate, (name, _, version) = home.candidates.get(run.candidate), ref.partition("@")
    bars = (task.quality, *task.guards)
    quality, *guards = (_verdict(bar, reading, alpha) for bar, reading in zip(bars, readings, strict=True))
    return Receipt(
        name=name,
        version=int(version),
        candidate=candidate.id,
        artefacts=candidate.artefacts,
        base=candidate.base,
        template=candidate.template,
        task=task.digest,
        data=data_digests(task.examples),
        consequence=task.consequence,
        alpha=task.alpha,
        seed=task.seed,
        bars=bars,
        climb="",
        rung=candidate.rung,
        run=home.runs.add(run),
        status="pass",
        verdict=quality,
        guards=tuple(guards),
        level=alpha,
        maker=home.keys.me().identity.fingerprint,
        rung_version=__version__,
        code=code_digest(),
        created=now(),
    )


def _verdict(bar: Bar, reading: Reading, alpha: float) -> Verdict:
    bound, what = (reading.lower, "lower") if reading.at_least is not None else (reading.upper, "upper")
    return Verdict(
        status=reading.status or "undecided",
        estimate=reading.estimate,
        lower=reading.lower,
        upper=reading.upper,
        n=reading.n,
        n_total=reading.n,
        missing=reading.missing,
        alpha=alpha,
        bar=bar.line,
        stopped_by="all rows",
        reason=f"its {what} bound is {say(reading.unit, bound)}, asked: {reading.asked}",
        name=bar.name,
    )


def remake(home: Home, version: Version) -> str:
    """Makes the receipt of a version that has none, from what its climb left; returns its digest.

    Raises UserError where what is stored does not allow it: no climb registered it, an earlier version of rung wrote the record, or
    the record is of another Candidate.
    """
    hint = "Climb its task again (`rung climb`): what passes is registered with its receipt."
    if not version.evidence.climb:
        raise UserError(
            f"nothing has judged {version.ref}: no climb registered it", hint="Make it the base of a task, and climb that."
        )
    record = Record(home, version.evidence.climb)
    document, registered = record.document, record.registered
    if registered is None or document is None or not record.begun:
        raise UserError(
            f"the record of the climb that passed {version.ref} is not whole", where=version.evidence.climb[:12], hint=hint
        )
    if (registered.version, registered.candidate) != (version.ref, version.candidate):
        raise UserError(f"the climb {version.evidence.climb[:12]} registered {registered.version}, not {version.ref}", hint=hint)
    locked = document.task
    asked = Asked(
        consequence=_consequence(locked.consequence), alpha=locked.alpha, seed=locked.seed, bars=(locked.bar, *locked.guards)
    )
    return home.receipts.add(receipt_of(home, record, registered, asked, remade=__version__))


def _consequence(word: str) -> Consequence:
    """A word that is none of the three is taken for the strictest."""
    return "low" if word == "low" else "medium" if word == "medium" else "high"
