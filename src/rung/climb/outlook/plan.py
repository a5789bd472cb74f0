"""What a climb will take, told before it is started: from the task's own rows, measured on this machine for about a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from rung.climb.diagnosis.diagnose import foreseen
from rung.climb.ledger import at_gate, few_seen, planned, said, standing_of
from rung.climb.preflight import HopelessSplit, preflight
from rung.climb.runtime import runtime_for
from rung.climb.server import check_server
from rung.data.sample import sample, shuffled
from rung.json_form import as_json
from rung.parts import Demonstrations
from rung.rungs.base import Rung, labelled, ladder, longest_answer
from rung.rungs.learnt_rows import said_of
from rung.rungs.training import train_rows
from rung.types import Candidate, Progress, Task
from rung.verify.near_misses.words import trial_lines
from rung.verify.run import random_order
from rung.verify.split_size import card

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.train.config import TrainConfig

CALIBRATION_ROWS = 32
# Rows that are answered in any case; the rest of the calibration's only where they take no longer than ANSWERS_S.
FIRST_ROWS = 4
CALIBRATION_S, LEAST_CALIBRATION_S, ANSWERS_S = 12.0, 2.0, 6.0
# Of all measuring together.
MOST_S = 45.0


MEASURING = "Measuring for up to a minute how fast this machine answers and trains on the task's own rows; no test row is looked at"


class Speeds:
    """How fast this machine answers and trains on this task's rows. Each figure is measured once, when it is first asked for."""

    def __init__(self, task: Task, home: Home, progress: Progress) -> None:
        self.task, self.progress = task, progress
        self.runtime = replace(runtime_for(task, home), cache=None)
        self.ends = time.monotonic() + MOST_S
        self.answer_s = cache(self._answer_s)
        self.train = cache(self._train)

    @property
    def measurable(self) -> bool:
        """A remote base is not asked: that would spend money."""
        return not self.task.base_reference.why_not_trainable

    def candidate(self, k: int) -> Candidate:
        """The plain prompt with the scorer's constraint and k demonstrations."""
        from rung.engine.demos import pool_bytes
        from rung.verify.scoring import scorer_of, target_text

        backend = self.runtime.backend_for(self.task.base)
        train = labelled(self.task)
        rows = shuffled(train, self.task.seed)
        pool = self.runtime.blobs.put_bytes(pool_bytes(rows, lambda row: target_text(self.task, row))) if k else ""
        return Candidate(
            rung="plan",
            base=backend.reference,
            template=backend.template,
            adapters=self.task.base_adapters,
            prompt=self.task.instruction,
            constraint=scorer_of(self.task).constraint(train),
            demonstrations=Demonstrations(pool=pool, k=k) if k else None,
            max_tokens=longest_answer(self.task),
        )

    def _answer_s(self, k: int) -> float | None:
        """Seconds an answer takes with k demonstrations, in the engine's own batches; None for a remote base."""
        return self.asked_s(self.candidate(k), f"with {k} demonstrations") if self.measurable else None

    def asked_s(self, candidate: Candidate, what: str) -> float:
        """Seconds an answer of this Candidate takes, from as many rows as a few seconds allow."""
        from rung.engine.answer import answer

        rows = random_order(self.task, "dev")[:CALIBRATION_ROWS]
        with self.progress.stage(f"Measuring answers {what}", len(rows)) as stage:
            answer(candidate, rows[:2], self.runtime)
            each = self._timed(lambda: answer(candidate, rows[:FIRST_ROWS], self.runtime, stage=stage)) / min(FIRST_ROWS, len(rows))
            rest = rows[FIRST_ROWS:]
            if each * len(rest) > min(ANSWERS_S, self.ends - time.monotonic()):
                return each
            return self._timed(lambda: answer(candidate, rest, self.runtime, stage=stage)) / len(rest) if rest else each

    @staticmethod
    def _timed(work: Callable[[], object]) -> float:
        started = time.monotonic()
        work()
        return time.monotonic() - started

    def encoding_s(self, encoder: str, texts: Sequence[str]) -> float:
        """Seconds that this encoder takes for a text like these; the encoder is downloaded where it must be."""
        opened = self.runtime.encoder_for(encoder)
        opened.query(texts[0])
        started = time.monotonic()
        for text in texts:
            opened.query(text)
        return (time.monotonic() - started) / len(texts)

    def reranking_s(self, reranker: str, texts: Sequence[str]) -> float:
        """Seconds that this reranker takes for all that it reads of a question, which are texts like these."""
        from rung.engine.retrieval.retriever import RERANKED

        opened = self.runtime.reranker_for(reranker)
        opened.score(texts[0], texts[:1])
        started = time.monotonic()
        opened.score(texts[0], texts)
        return (time.monotonic() - started) / len(texts) * RERANKED

    def _train(self, config: TrainConfig, size: int) -> Any:
        """A `train.fit.Fit` of so many train rows; None where the base cannot be trained here."""
        from rung.engine.backend import adapter_uses
        from rung.engine.local.model import trainable_model
        from rung.train.fit import calibrate, predict
        from rung.train.rows import encode_rows

        if not self.measurable:
            return None
        model = trainable_model(self.runtime.backend_for(self.task.base)).under(
            adapter_uses(self.task.base_adapters, self.runtime.blobs)
        )
        rows = train_rows(self.task, self.candidate(0), sample(labelled(self.task), size, self.task.seed))
        encoded = encode_rows(model.tokenizer, rows, model.config.max_positions, "drop")
        with self.progress.stage(f"Measuring training ({config.method})"):
            seconds = min(CALIBRATION_S, max(LEAST_CALIBRATION_S, (self.ends - time.monotonic()) / 2))
            tokens_per_s = calibrate(model, encoded, config, seconds)
        return predict(model.config, model.decoder.dtype.itemsize, encoded, config, tokens_per_s)


def plan(task: Task, home: Home, *, progress: Progress) -> dict[str, Any]:
    """What each rung would take if the climb came to it, what the test split can prove, and whether it is large enough. Plain JSON.

    Raises UserError for all else that `preflight` finds.
    """
    problem, speeds, server = None, None, None
    try:
        server = check_server(task, preflight(task, home, progress).base, home, progress)
        speeds = Speeds(task, home, progress)
        if speeds.measurable:
            progress.note(MEASURING)
    except HopelessSplit as hopeless:
        problem = hopeless.problem
    left_out = few_seen(task, home)
    judging = at_gate(task, left_out)
    standing = standing_of(judging, home)
    alpha = planned(task, standing)
    rungs = [_rung(rung, task, speeds) for rung in ladder()]
    if first := next((rung for rung in rungs if rung["will_run"]), None):
        first["reason"] = "always: it is the cheapest"
    known = [rung["minutes"] for rung in rungs if rung["minutes"] is not None]
    memory = [rung["memory_gb"] for rung in rungs if rung["memory_gb"] is not None]
    with progress.stage("Trying the scorers on made-up answers"):
        trials = trial_lines(task)
    return {
        "name": task.name,
        "rows": {name: len(task.split(name)) for name in ("train", "dev", "test")},
        "card": card(replace(judging, alpha=alpha.alpha), alpha.shares),
        "trials": trials,
        "ledger": {
            "number": alpha.number,
            "alpha": alpha.alpha,
            **as_json(standing),
            "left_out": len(left_out),
            "lines": said(task, home, left_out),
        },
        "findings": [as_json(finding) for finding in task.findings],
        "problem": problem,
        "server": as_json(server) if server else None,
        "rungs": rungs,
        "probes": foreseen(task),
        "minutes": sum(known) if len(known) == sum(rung["will_run"] for rung in rungs) else None,
        "memory_gb": max(memory, default=None),
    }


def _rung(rung: Rung, task: Task, speeds: Speeds | None) -> dict[str, Any]:
    """What a rung would take; nothing is measured without `speeds`."""
    reason = rung.why_skipped(task)
    seconds, memory_bytes = rung.forecast(task, speeds) if speeds and not reason else (None, None)
    return {
        "rung": rung.name,
        "title": rung.title,
        "will_run": not reason,
        "reason": reason or "if no cheaper rung passes",
        "remark": "" if reason else said_of(task, rung.name, len(rung.learnt(task))),
        "minutes": seconds / 60 if seconds is not None else None,
        "memory_gb": memory_bytes / 1e9 if memory_bytes is not None else None,
    }
