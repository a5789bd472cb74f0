"""One cheaper form of a Candidate that passed: fewer demonstrations, fewer documents, or half the rank."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from rung.types import Blobs, Candidate, Task


def simpler(candidate: Candidate, task: Task, blobs: Blobs, work: Path) -> tuple[str, Candidate] | None:
    """What to call it, and the Candidate; None where nothing cheaper is known."""
    if candidate.demos and candidate.demos["k"] > 0:
        return "without the demonstrations", replace(candidate, demos=None)
    if candidate.retriever and candidate.adapters:
        return "without the documents", replace(candidate, retriever=None)
    if candidate.retriever and candidate.retriever["k"] > 1:
        return "with half the documents", replace(candidate, retriever={**candidate.retriever, "k": candidate.retriever["k"] // 2})
    if candidate.adapters:
        from rung.engine.local.halve import halve_rank

        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            halved = halve_rank(blobs.path(candidate.adapters[0]), Path(folder) / "adapter")
            if halved is None:
                return None
            return "with half the rank", replace(candidate, adapters=(blobs.put_tree(halved),))
    return None
