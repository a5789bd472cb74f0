"""What a climb will take, told before it is started: from the task's own rows, on this machine as it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rung.climb.diagnosis.diagnose import foreseen
from rung.climb.ledger import at_gate, few_seen, planned, said, standing_of
from rung.climb.outlook.predict import Asked, means_of, predict
from rung.climb.preflight import HopelessSplit, preflight
from rung.climb.runtime import runtime_for
from rung.climb.server import check_server
from rung.disk import scratch
from rung.json_form import as_json
from rung.parts import Span
from rung.registry.predictions import Prediction
from rung.rungs.asks import Training
from rung.rungs.base import BuildContext, Rung, offered
from rung.rungs.learnt_rows import said_of
from rung.types import Progress, Task
from rung.verify.near_misses.words import trial_lines
from rung.verify.split_size import card

if TYPE_CHECKING:
    from rung.climb.preflight import Cleared
    from rung.engine.http.finding import ServerFinding
    from rung.registry.home import Home
    from rung.verify.alpha import AlphaPlan

# For how long each kind of training is measured that never was.
TRAINING_S = 4.0
# Memory that each rung's training takes, by the rung's name, in bytes.
Memory = Mapping[str, int]


def plan(task: Task, home: Home, *, progress: Progress) -> dict[str, Any]:
    """What each step would take if the climb came to it, what the test split can prove, and whether it is large enough. Plain JSON.

    Raises UserError for all else that `preflight` finds.
    """
    problem, server, cleared = None, None, None
    try:
        cleared = preflight(task, home, progress)
        server = check_server(task, cleared.base, home, progress)
    except HopelessSplit as hopeless:
        problem = hopeless.problem
    left_out = few_seen(task, home)
    judging = at_gate(task, left_out)
    standing = standing_of(judging, home)
    alpha = planned(task, standing)
    prediction, memory = _predicted(task, judging, cleared, alpha, server, home, progress) if cleared else (None, {})
    with progress.stage("Trying the scorers on made-up answers"):
        trials = trial_lines(task)
    rungs = [_rung(rung, task, prediction, memory) for rung in offered(task)]
    if first := next((rung for rung in rungs if rung["will_run"]), None):
        first["reason"] = "always: it is the cheapest"
    whole = prediction.ends[-1].amount.seconds if prediction and prediction.timed else None
    return {
        "name": task.name,
        "rows": {name: len(task.split(name)) for name in ("train", "dev", "test")},
        "card": card(judging, alpha),
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
        "minutes": whole.expected / 60 if whole else None,
        "memory_gb": max(memory.values()) / 1e9 if memory else None,
        "prediction": as_json(prediction) if prediction else None,
        "limits": as_json(task.limits),
    }


def _predicted(
    task: Task,
    judging: Task,
    cleared: Cleared,
    alpha: AlphaPlan,
    server: ServerFinding | None,
    home: Home,
    progress: Progress,
) -> tuple[Prediction, Memory]:
    """The prediction, and the memory of each rung that trains."""
    with scratch(home.path / "climbs") as work:
        context = BuildContext(task, runtime_for(task, home), work, progress)
        asked = Asked(
            judging=judging,
            context=context,
            base=cleared.base,
            home=home,
            alpha=alpha,
            skipped=cleared.skipped,
            server=server,
        )
        prediction, priced = predict(asked, means_of(asked), training_s=TRAINING_S)
    trained = {rung: ask.training.method for rung, seen in priced.likely.items() for ask in seen.asks if isinstance(ask, Training)}
    return prediction, {rung: priced.memory[method] for rung, method in trained.items() if method in priced.memory}


def _rung(rung: Rung, task: Task, prediction: Prediction | None, memory: Memory) -> dict[str, Any]:
    """What a rung would take; figures are None where nothing was foreseen."""
    reason = rung.why_skipped(task)
    build, shared, passed = (
        (prediction.step(f"{kind}/{rung.name}", "pass") if prediction else None) for kind in ("built", "allotted", "judged")
    )
    end = next((end for end in prediction.ends if end.rung == rung.name), None) if prediction else None
    seconds = [step.amount.seconds for step in (build, shared, passed) if step and prediction and prediction.timed]
    return {
        "rung": rung.name,
        "title": rung.title,
        "will_run": not reason,
        "reason": reason or "if no cheaper rung passes",
        "remark": "" if reason else said_of(task, rung.name, len(rung.learnt(task))),
        "minutes": sum(span.expected for span in seconds) / 60 if seconds else None,
        "build_s": _span(build.amount.seconds if build and seconds else None),
        "gate_s": _span(passed.amount.seconds if passed and seconds else None),
        "climb_s": _span(end.amount.seconds if end and seconds else None),
        "climb_usd": _span(end.amount.usd if end else None),
        "memory_gb": memory[rung.name] / 1e9 if rung.name in memory else None,
    }


def _span(span: Span | None) -> dict[str, float] | None:
    return as_json(span) if span else None
