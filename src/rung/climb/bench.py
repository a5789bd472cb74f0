"""What a rung is given to work with during a climb."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.climb.measure import measure_rows
from rung.errors import BrokenEnvironment, UserError
from rung.storage import Blobs
from rung.types import Candidate, Progress, Run, Task
from rung.verify.judge import random_order

if TYPE_CHECKING:
    from rung.engine.answer import Desk


class ClimbBench:
    """A Bench over one task. What a build records is kept in `records` until the build is stored as a whole."""

    def __init__(self, task: Task, desk: Desk, work: Path, progress: Progress) -> None:
        self.task, self.desk, self.work, self.progress = task, desk, work, progress
        self.blobs: Blobs = desk.blobs
        self.records: list[dict[str, Any]] = []
        work.mkdir(parents=True, exist_ok=True)

    def open_base(self, reference: str) -> Any:
        """The backend of a language model, opened once for the whole climb."""
        return self.desk.backend_for(reference)

    def open_encoder(self, reference: str) -> Any:
        """An encoder, opened once for the whole climb."""
        if self.desk.encoder_for is None:
            raise BrokenEnvironment("no encoder can be opened here")
        return self.desk.encoder_for(reference)

    def open_reranker(self, reference: str) -> Any:
        """A reranker, opened once for the whole climb."""
        if self.desk.reranker_for is None:
            raise BrokenEnvironment("no reranker can be opened here")
        return self.desk.reranker_for(reference)

    def measure(self, candidate: Candidate, split: str = "dev", limit: int | None = None) -> Run:
        """Raises UserError for the gate split: only the gate itself looks there."""
        if split == "gate":
            raise UserError("a rung must not look at the gate split")
        rows = random_order(self.task, split)[:limit]
        return measure_rows(self.task, candidate, split, rows, self.desk, self.progress)

    def record(self, kind: str, fact: Mapping[str, Any]) -> None:
        """Keep a fact of this build for the report."""
        self.records.append({"kind": kind, **fact})
