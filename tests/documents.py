"""The least that a climb document can hold, for tests of what is done with documents, not of what stands in them."""

from __future__ import annotations

from rung.registry.documents import ClimbDocument, ClimbVerdict, Ledger, Lock, LockedTask, RungRecord
from rung.types import Bar, Limits


def least_document(climb: str, sentence: str) -> ClimbDocument:
    """A climb of `tone` that passed at the prompt rung."""
    task = LockedTask(
        name="tone",
        digest="t" * 64,
        base="pip:llm",
        instruction="Say yes or no.",
        bar=Bar(scorer="choice", at_least=0.8),
        guards=(),
        limits=Limits(),
        alpha=0.05,
        consequence="low",
        seed=0,
        rows={"train": 6, "dev": 2, "test": 2},
        path="task.yaml",
    )
    lock = Lock(task="t" * 64, data={}, base="b", template="", packages={}, seed=0, hardware={}, repeat="rung climb task.yaml")
    return ClimbDocument(
        climb=climb,
        name="tone",
        version="tone@1",
        started="2026-11-22T10:00:00Z",
        seconds=12.0,
        verdict=ClimbVerdict(status="pass", sentence=sentence, winner=None, rung="r1_prompt"),
        task=task,
        card=(),
        rungs=(_rung(),),
        diagnosis=None,
        cheaper=(),
        forecast=None,
        notes=(),
        lock=lock,
        ledger=Ledger(number=1, alpha=0.0375, spent=0.0, seen=0, rows=2, next_alpha=0.00625, lines=("climb 1",)),
    )


def _rung() -> RungRecord:
    return RungRecord(
        rung="r1_prompt",
        title="prompt",
        state="passed",
        reason="",
        candidate=None,
        alpha=None,
        verdict=None,
        guards=(),
        broken="",
        dev=None,
        trials=(),
        build_s=None,
        gate_s=None,
        answer_s=None,
        wait_p50_s=None,
        wait_p95_s=None,
        prompt_tokens=None,
        completion_tokens=None,
        cost_usd_per_1k=None,
        artefact_bytes=None,
        undo="nothing to undo",
        settings={},
        findings=(),
        retrieval=None,
        history=(),
        fixed=(),
        broke=(),
        fixed_total=0,
        broke_total=0,
    )
