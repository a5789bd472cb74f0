"""What of a version is proved now, what only claimed, and what is missing: its base, data, recipe, code and evaluation.

PROVED   computed again here, and it came out the same
CLAIMED  written down, signed perhaps, and not computed again: what that would take is not at hand
MISSING  nothing says what it was
BROKEN   computed again, and it came out otherwise
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung import __version__
from rung.engine.bases.fetch import fetched
from rung.engine.bases.resolve import resolve
from rung.errors import RungError
from rung.promote.blobs import Hashing
from rung.promote.champion import LoadTask
from rung.promote.conditions import Asked, asked, receipt_faults
from rung.promote.kept import KeptTask, kept_task
from rung.promote.replay import Replayed, replay, rescored
from rung.types import Run, Task
from rung.verify.environment import code_digest, environment

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime
    from rung.registry.home import Home
    from rung.registry.names import Version

Status = Literal["PROVED", "CLAIMED", "MISSING", "BROKEN"]


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link of the chain that leads to a version: `name` is base, data, recipe, code or evaluation.

    `mend` is what would make it PROVED, of one that is only CLAIMED or MISSING.
    """

    name: str
    status: Status
    said: str
    mend: str = ""


@dataclass(frozen=True, kw_only=True)
class Hands:
    """What a check may use: the task of a lock where its file is at hand, what answers, and how many answers to ask for again."""

    load: LoadTask
    runtime: Callable[[Task], Runtime]
    replay: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """A version under examination."""

    home: Home
    wanted: Asked
    hands: Hands
    hashing: Hashing

    @cached_property
    def task(self) -> Task | None:
        """The task that it passed, where its file is at hand and has the same lock."""
        return self.hands.load(self.lock) if self.lock else None

    @cached_property
    def lock(self) -> str:
        """The digest of the task that it passed."""
        return self.wanted.version.evidence.task

    @cached_property
    def kept(self) -> KeptTask | None:
        """What the home kept of that task; None where it kept nothing."""
        return kept_task(self.home, self.lock, self.wanted)

    @cached_property
    def judged(self) -> Task | None:
        """The task with its test rows, from its file or as the home kept them; None where neither is at hand."""
        return self.task or (self.kept.task if self.kept and not self.kept.faults else None)

    @cached_property
    def base_at_hand(self) -> bool:
        """Whether the base can be computed here without fetching or paying anything."""
        reference = self.wanted.candidate.base_reference
        if reference.is_server:
            return False
        if reference.is_path:
            return Path(reference.name).expanduser().exists()
        return bool(reference.stored) or fetched(reference, self.home.path)


def proofs(home: Home, version: Version, hands: Hands, hashing: Hashing | None = None) -> list[Link]:
    """The five links of a version, in the order in which it came to be. What `hashing` has hashed is not hashed anew."""
    case = Case(home=home, wanted=asked(home, version), hands=hands, hashing=hashing or Hashing(home))
    return [_base(case), _data(case), _recipe(case), _code(case), _evaluation(case)]


def _base(case: Case) -> Link:
    reference = case.wanted.candidate.base_reference
    if reference.stored:
        faults = list(case.hashing.faults([reference.stored]))
        return _link("base", faults, f"{reference.kind}:{reference.stored[:12]} hashed again")
    if not reference.pin:
        mend = "Climb the task again: what is registered now names its base by digest."
        return Link(name="base", status="MISSING", said=f"{reference.bare}, by name alone", mend=mend)
    if reference.is_server:
        said, mend = f"{reference.bare}: what answers behind an address cannot be hashed", "Nothing: climb on a base of your own."
        return Link(name="base", status="CLAIMED", said=said, mend=mend)
    if not case.base_at_hand:
        said = f"{reference.bare}, sha256:{reference.pin[:12]}: it is not on this machine"
        fetch = f"Fetch it: `rung answer {case.wanted.version.ref} TEXT` does."
        mend = f"Bring {reference.name} back as it was." if reference.is_path else fetch
        return Link(name="base", status="CLAIMED", said=said, mend=mend)
    try:
        resolve(case.wanted.candidate.base, case.home.path, blobs=case.home.blobs)
    except RungError as error:
        return Link(name="base", status="BROKEN", said=error.problem)
    return Link(name="base", status="PROVED", said=f"{reference.bare}, sha256:{reference.pin[:12]} hashed again")


def _data(case: Case) -> Link:
    lock = case.lock
    if not lock:
        mend = "`rung eval TASK --candidate NAME --split test` has a task judge it."
        return Link(name="data", status="MISSING", said="no task was locked for it", mend=mend)
    if case.task is not None:
        return Link(name="data", status="PROVED", said=f"the lock {lock[:12]} computed again from {case.task.path} and its rows")
    if case.kept is not None and case.kept.broken:
        return Link(name="data", status="BROKEN", said="; ".join(case.kept.broken))
    if case.kept is not None:
        return Link(name="data", status="PROVED", said=f"the lock {lock[:12]} computed again from {case.kept.said}")
    try:
        path = case.home.tasks.get(lock).path
    except RungError:
        said, mend = f"the lock {lock[:12]}, of a task that this home does not know", "Verify it in the home that climbed it."
        return Link(name="data", status="CLAIMED", said=said, mend=mend)
    said = f"the lock {lock[:12]}: {path} or its rows are gone, or were changed since, and nothing of them was kept"
    return Link(name="data", status="CLAIMED", said=said, mend=f"Bring {path} and its rows back as they were.")


def _recipe(case: Case) -> Link:
    wanted = case.wanted
    if faults := list(case.hashing.faults(wanted.candidate.artefacts)):
        return Link(name="recipe", status="BROKEN", said="; ".join(faults))
    made = f"{wanted.candidate.rung}, {len(wanted.candidate.artefacts)} files hashed again"
    if not wanted.version.evidence.climb:
        said = f"{made}: made elsewhere, nothing says how"
        return Link(name="recipe", status="CLAIMED", said=said, mend="Make it the base of a task, and climb that.")
    if wanted.receipt is None:
        mend = f"`rung promote {wanted.version.ref}` makes one from the record of its climb, where that is whole."
        return Link(name="recipe", status="CLAIMED", said=f"{made}; no receipt ties them to what was locked", mend=mend)
    settings = case.task or (case.kept.settings if case.kept and not case.kept.broken else None)
    if settings is None:
        said, mend = f"{made}; their settings are in the lock, which is not at hand", "What proves the data proves it as well."
        return Link(name="recipe", status="CLAIMED", said=said, mend=mend)
    return Link(name="recipe", status="PROVED", said=f"{made}; settings and seed {settings.seed} are in the lock")


def _code(case: Case) -> Link:
    receipt = case.wanted.receipt.document if case.wanted.receipt else None
    if receipt is None or not (receipt.code or receipt.rung_version):
        mend = "Climb the task again: the receipt of what passes says which rung judged it."
        return Link(name="code", status="MISSING", said="nothing says which rung judged it", mend=mend)
    if receipt.code == code_digest():
        return Link(name="code", status="PROVED", said=f"rung {receipt.rung_version}, the files that run here")
    what = f"files {receipt.code[:12]}" if receipt.code else "of which only the version was written down"
    said = f"rung {receipt.rung_version}, {what}; here runs {__version__}, {code_digest()[:12]}"
    mend = f"Run `rung verify` with rung {receipt.rung_version} as it was." if receipt.code else "Climb the task again."
    return Link(name="code", status="CLAIMED", said=said, mend=mend)


def _evaluation(case: Case) -> Link:
    wanted, name = case.wanted, "evaluation"
    if wanted.receipt is None:
        return _without_receipt(case)
    receipt = wanted.receipt.document
    if faults := list(case.hashing.faults([receipt.run])):
        return Link(name=name, status="BROKEN", said=f"the answers that were judged: {'; '.join(faults)}")
    run = case.home.runs.get(receipt.run)
    if faults := list(_misfits(case, run)):
        return Link(name=name, status="BROKEN", said="; ".join(faults))
    passed = f"{receipt.status} on {receipt.verdict.n:,} rows, signed; {len(run.rows):,} answers hashed again"
    if case.judged is None:
        why = f": {'; '.join(case.kept.faults)}" if case.kept else ""
        mend = "What proves the data proves it as well." if case.kept is None else "Bring the task file and its rows back."
        return Link(name=name, status="CLAIMED", said=f"{passed}; not asked again: the rows are not at hand{why}", mend=mend)
    return _judged_again(case, case.judged, run, passed)


def _without_receipt(case: Case) -> Link:
    version, name = case.wanted.version, "evaluation"
    known = case.home.receipts.of(version.name, version.version)
    if not known:
        mend = "`rung eval TASK --candidate NAME --split test` has a task judge it, or a climb does."
        return Link(name=name, status="MISSING", said="no receipt: no gate has judged it", mend=mend)
    newest, faults = known[-1], receipt_faults(known[-1], version, case.wanted.candidate)
    said = "; ".join(faults)
    if faults == [newest.doubt]:
        mend = f"Whoever trusts that home says so: rung keys trust {newest.signer[:16]}."
        return Link(name=name, status="CLAIMED", said=said, mend=mend)
    if newest.lapsed and not newest.faults:
        mend = f"`rung promote {version.ref}` makes a receipt from the record of its climb, where that is whole."
        return Link(name=name, status="CLAIMED", said=said, mend=mend)
    return Link(name=name, status="BROKEN", said=said)


def _judged_again(case: Case, task: Task, run: Run, passed: str) -> Link:
    """The link by what the scorers say of the answers now, and then the model."""
    try:
        faults = rescored(task, run)
    except RungError as error:
        said = f"{passed}; not scored again: {error.problem}"
        return Link(name="evaluation", status="CLAIMED", said=said, mend=error.hint or "Bring what the scorer needs back.")
    if faults:
        return Link(name="evaluation", status="BROKEN", said="; ".join(faults))
    return _replayed(case, task, run, f"{passed}, scored again")


def _replayed(case: Case, task: Task, run: Run, passed: str) -> Link:
    """The link by what a sample of answers says when it is asked for again."""
    name = "evaluation"
    if not case.hands.replay:
        return Link(name=name, status="CLAIMED", said=f"{passed}; none asked again", mend="--replay 3 asks for three again.")
    if not case.base_at_hand:
        said = f"{passed}; none asked again: the base does not answer here"
        server = case.wanted.candidate.base_reference.is_server
        mend = "Nothing: what a server answers may change." if server else "What proves the base proves it as well."
        return Link(name=name, status="CLAIMED", said=said, mend=mend)
    try:
        found = replay(task, case.wanted.candidate, run, case.hands.runtime(task), case.hands.replay)
    except RungError as error:
        said = f"{passed}; none asked again: {error.problem}"
        return Link(name=name, status="CLAIMED", said=said, mend=error.hint)
    if not found.other:
        return Link(name=name, status="PROVED", said=f"{passed}; {found.asked} asked again, the same to the letter")
    status = _of_difference(run)
    mend = "Verify it with the packages, and on the kind of processor, that it was judged on." if status == "CLAIMED" else ""
    return Link(name=name, status=status, said=f"{passed}; {_told(found, run)}", mend=mend)


def _of_difference(run: Run) -> Status:
    """Another machine or another version of a library may well answer in other words; the same ones may not."""
    return "BROKEN" if dict(run.environment) == environment(int(run.environment.get("seed", 0))) else "CLAIMED"


def _told(found: Replayed, run: Run) -> str:
    where = (
        "with the same packages and processor" if _of_difference(run) == "BROKEN" else "with other packages or another processor"
    )
    return f"{len(found.other)} of {found.asked} asked again came out otherwise {where} ({', '.join(found.other[:3])})"


def _misfits(case: Case, run: Run) -> Iterator[str]:
    """What a receipt says that the answers it rests on do not."""
    assert case.wanted.receipt is not None
    receipt = case.wanted.receipt.document
    if run.candidate != case.wanted.candidate.id:
        yield f"the answers are those of candidate {run.candidate[:12]}"
    if run.task != receipt.task:
        yield f"the answers are to the lock {run.task[:12]}"
    quality = receipt.bars[0]
    if quality.plain and not quality.other and len(run.rows) != receipt.verdict.n:
        yield f"the receipt is of {receipt.verdict.n:,} rows, and there are {len(run.rows):,} answers"
    mean = run.mean()
    estimate = receipt.verdict.estimate
    if quality.plain and not quality.other and mean is not None and estimate is not None and abs(mean - estimate) > 1e-9:
        yield f"the receipt says {estimate:.4%}, and the answers come to {mean:.4%}"


def _link(name: str, faults: list[str], said: str) -> Link:
    return Link(name=name, status="BROKEN", said="; ".join(faults)) if faults else Link(name=name, status="PROVED", said=said)
