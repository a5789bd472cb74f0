"""Versions that passed, made without a climb: a Candidate with a file, the answers that were judged, and a signed receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.registry.db import now
from rung.registry.home import Home
from rung.registry.names import Evidence, Version
from rung.registry.receipts import Receipt
from rung.types import Answer, Bar, Candidate, Row, Run, Score, Task, Verdict

LOCK = "7a" * 32


def none_at_hand(_lock: str) -> Task | None:
    return None


def ship(
    home: Home,
    scores: Sequence[float],
    *,
    name: str = "tone",
    consequence: str = "low",
    guard: Sequence[float] | None = None,
    maker: str | None = None,
    lock: str = LOCK,
    **changes: Any,
) -> Version:
    """Registers the next version of a name. Its scores are those of rows e0, e1, ... on the lock; `changes` of its receipt."""
    number = len(home.names.all()) + 1
    folder = home.path / f"made-{number}"
    folder.mkdir()
    (folder / "weights").write_bytes(f"weights {number}".encode())
    stored = home.blobs.put_tree(folder)
    candidate = Candidate(
        rung="r4_adapter", base="pip:llm@sha256:00", template="81", prompt=f"version {number}", adapters=(stored,)
    )
    home.candidates.add(candidate, lock)
    of = {"quality": scores} | ({"polite": guard} if guard is not None else {})
    run = home.runs.add(Run(candidate=candidate.id, task=lock, split="test", rows=rows_of(of)))
    evidence = Evidence(climb=f"{number:02}" * 32, rung="r4_adapter", task=lock)
    with home.together():
        home.names.register(name, candidate.id, evidence)
        known = home.keys.me().identity.fingerprint
    version = home.names.all()[-1] if name == "tone" else home.names.of(name=name)[-1]
    receipt = Receipt(
        name=name,
        version=version.version,
        candidate=candidate.id,
        artefacts=candidate.artefacts,
        base=candidate.base,
        template=candidate.template,
        task=lock,
        data={"test": "d1"},
        consequence=consequence,  # type: ignore[arg-type]
        alpha=0.05,
        seed=0,
        bars=tuple(Bar(scorer="exact", at_least=0.5, name=bar) for bar in of),
        climb=evidence.climb,
        rung="r4_adapter",
        run=run,
        status="pass",
        verdict=verdict("quality", scores),
        guards=(verdict("polite", guard),) if guard is not None else (),
        level=0.05,
        maker=known if maker is None else maker,
        rung_version="0.1",
        code="c0de",
        created=now(),
    )
    home.receipts.add(replace(receipt, **changes))
    return version


def rows_of(scores: Mapping[str, Sequence[float]]) -> tuple[Row, ...]:
    """A row for each score of each bar."""
    return tuple(
        Row(
            example=f"e{index}",
            group="",
            answer=Answer(text="yes"),
            scores={bar: Score(value=values[index]) for bar, values in scores.items()},
        )
        for index in range(len(scores["quality"]))
    )


def verdict(name: str, scores: Sequence[float] | None) -> Verdict:
    """A pass of a bar at one half."""
    known = list(scores or ())
    return Verdict(
        status="pass",
        estimate=sum(known) / len(known) if known else None,
        lower=0.6,
        upper=1.0,
        n=len(known),
        n_total=len(known),
        missing=0,
        alpha=0.05,
        bar=0.5,
        stopped_by="all rows",
        reason="at least 60%",
        name=name,
    )
