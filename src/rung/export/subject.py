"""What is exported: a version, what is known of it, and what it takes to ask it something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from rung.errors import UserError
from rung.progress import Silent
from rung.promote.blobs import Hashing
from rung.promote.promoting import version_of
from rung.storage import Blobs
from rung.types import Candidate, Progress, Task

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.engine.runtime import Runtime
    from rung.export.agree import Registered
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.registry.receipts import Receipt
    from rung.registry.runs import RunRecord
    from rung.registry.signed import Signed

# The task of a lock (digest) where its file and rows are at hand as they were, else None.
LoadTask = Callable[[str], Task | None]
Dtype = Literal["float32", "bfloat16", "float16"]


def none_at_hand(_lock: str) -> Task | None:
    """Where nobody looks for tasks."""
    return None


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be asked of a format.

    dtype     as what weights are written that are written anew; None for what the base's are stored as
    max_nats  the most that answers may change, in nats a token, where weights are written anew; None for the usual bound
    """

    dtype: Dtype | None = None
    max_nats: float | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A version that is exported. All that is looked up or opened is so at its first use, and once.

    load  the task of a lock, where it is at hand
    """

    home: Home
    version: Version
    candidate: Candidate
    options: Options = Options()
    load: LoadTask = none_at_hand
    progress: Progress = field(default_factory=Silent)

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.version.ref

    @property
    def blobs(self) -> Blobs:
        """Where its artefacts lie."""
        return self.home.blobs

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """Of its artefacts, each that is gone or is not what was registered any more."""
        return tuple(Hashing(self.home).faults(self.candidate.artefacts))

    @cached_property
    def receipts(self) -> tuple[Signed[Receipt], ...]:
        """What the gate signed for it; oldest first."""
        return tuple(self.home.receipts.of(self.version.name, self.version.version))

    @cached_property
    def receipt(self) -> Receipt | None:
        """The newest receipt that holds and covers it digest for digest; None where there is none."""
        covering = [one.document for one in self.receipts if one.holds and not one.document.uncovered(self.candidate)]
        return covering[-1] if covering else None

    @cached_property
    def runs(self) -> tuple[RunRecord, ...]:
        """What it was measured on, without the rows; oldest first."""
        return tuple(self.home.runs.records(self.candidate.id))

    @cached_property
    def task(self) -> Task | None:
        """The task that it passed, where that is at hand as it was locked."""
        lock = self.version.evidence.task
        return self.load(lock) if lock else None

    @cached_property
    def base(self) -> Base:
        """What answers, found and held against its digest. Raises UserError where it is gone or another."""
        from rung.engine.bases.resolve import resolve

        return resolve(self.candidate.base, self.home.path, blobs=self.blobs, progress=self.progress)

    @cached_property
    def runtime(self) -> Runtime:
        """What it is asked with, as it was when it was judged. Nothing that it answers is kept."""
        from rung.engine.runtime import open_runtime

        return open_runtime(self.home.path, self.blobs)

    @cached_property
    def registered(self) -> Registered:
        """What it says next to some questions, token by token: what other readers are compared with."""
        from rung.export.agree import registered

        return registered(self)


def subject_of(
    home: Home,
    ref: str,
    *,
    options: Options | None = None,
    load: LoadTask = none_at_hand,
    progress: Progress | None = None,
) -> Subject:
    """The version that a name (its newest), `name@version` or `name@alias` refers to, to be exported.

    Raises UserError where there is none.
    """
    version = version_of(home, ref)
    return Subject(
        home=home,
        version=version,
        candidate=home.candidates.get(version.candidate),
        options=options or Options(),
        load=load,
        progress=progress or Silent(),
    )


def refuse_changed(subject: Subject) -> None:
    """Raises UserError where a file is not what was registered: what leaves the home is what was judged."""
    if subject.faults:
        raise UserError(
            f"{subject.ref} is not what was registered: {'; '.join(subject.faults)}",
            where=str(subject.home.blobs.root),
            hint="Bring the file back as it was, or climb again.",
        )
