"""What a trial of a scorer came to, in words, and what of it is an error of the task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rung.json_form import as_json
from rung.types import Task
from rung.verify.near_misses.trial import KindTried, MadeUp, ScorerTrial, try_bars
from rung.verify.problems import Problem

AROUND = 12  # characters shown on either side of where two texts part
LONGEST = 60
REASON = 200


def trial_lines(task: Task) -> list[dict[str, Any]]:
    """A line for each bar, as the sample-size card has them: `text`, and the trial under `trial`."""
    return [{"text": sentence(trial), "trial": as_json(_in_short(trial))} for trial in try_bars(task)]


def trial_problems(task: Task) -> list[Problem]:
    """What slips by the task's scorers, unasked, at the place of each bar."""
    return [Problem(_place(trial), problem(trial)) for trial in try_bars(task) if _is_fault(task, trial)]


def problem(trial: ScorerTrial) -> str:
    """Why a task with this scorer cannot be believed, and what to do about it."""
    slips = "; ".join(_slip(kind) for kind in trial.faults)
    accepts = ", ".join(kind.kind for kind in trial.faults)
    return (
        f"the scorer '{trial.scorer}' takes wrong answers for right: {slips}. Choose a stricter scorer or setting; or, if such "
        f"answers are right here, say so: accepts: [{accepts}]"
    )


def sentence(trial: ScorerTrial) -> str:
    """`The scorer was tried on 812 made-up answers to 60 rows: it caught every near miss of 14 kinds.` And what slips."""
    name = "The scorer" if trial.bar == "quality" else f"The scorer of '{trial.bar}'"
    parts = [f"{name} was tried on {trial.made:,} made-up answers to {trial.rows} rows: {_caught(trial)}"]
    if trial.slips:
        parts.append("Slips: " + "; ".join(map(_slip, trial.slips)))
    if trial.accepted:
        reasons = dict.fromkeys(kind.accepted for kind in trial.accepted)
        told = [f"{', '.join(k.kind for k in trial.accepted if k.accepted == reason)} ({reason})" for reason in reasons]
        parts.append("Accepted: " + "; ".join(told))
    if trial.strict:
        parts.append("Counted as wrong, though harmless: " + "; ".join(map(_slip, trial.strict)))
    if trial.ideals:
        parts.append(f"The ideal answer itself is not right: {_seen(trial.ideals[0])}")
    return ". ".join(parts) + "."


def _caught(trial: ScorerTrial) -> str:
    kinds = len([kind for kind in trial.kinds if not kind.accepted])
    if trial.caught is None:
        return "none of them could show whether it tells right from wrong"
    of = f"of {kinds} kinds" if kinds > 1 else "of one kind"
    return (
        f"it caught every near miss {of}" if trial.caught == 1 else f"it caught {100 * trial.caught:.1f}% of the near misses {of}"
    )


def _is_fault(task: Task, trial: ScorerTrial) -> bool:
    # A guard that is the user's own function may ask for anything: politeness, length.
    return bool(trial.faults) and not (trial.opaque and trial.bar != task.quality.name)


def _place(trial: ScorerTrial) -> tuple[str, ...]:
    return ("quality",) if trial.bar == "quality" else ("guards", trial.bar)


def _slip(kind: KindTried) -> str:
    share = "" if kind.slipped == kind.made else f" in {kind.slipped} of {kind.made}"
    return f"{kind.kind}{share}" + (f" ({_seen(kind.example)})" if kind.example else "")


def _in_short(trial: ScorerTrial) -> ScorerTrial:
    """The trial with its examples as they are shown: a target may be pages long."""

    def short(made: MadeUp | None) -> MadeUp | None:
        if made is None:
            return None
        ideal, said = parting(made.ideal, made.said)
        return replace(made, ideal=ideal, said=said, reason=made.reason[:REASON])

    def kinds(every: tuple[KindTried, ...]) -> tuple[KindTried, ...]:
        return tuple(replace(kind, first=short(kind.first), example=short(kind.example)) for kind in every)

    ideals = tuple(filter(None, map(short, trial.ideals)))
    return replace(trial, kinds=kinds(trial.kinds), harmless=kinds(trial.harmless), ideals=ideals)


def _seen(made: MadeUp) -> str:
    """`00501 -> 501 scored 1.0`."""
    before, after = parting(made.ideal, made.said)
    score = "was not scored" if made.score is None else f"scored {made.score:.3g}" if made.score % 1 else f"scored {made.score:.1f}"
    return f"{before} -> {after} {score}"


def parting(one: str, other: str) -> tuple[str, str]:
    """Two texts on one line each, short, where they differ."""
    one, other = (" ".join(text.split()) or "''" for text in (one, other))
    if max(len(one), len(other)) <= LONGEST:
        return one, other
    start = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    begin = max(0, start - AROUND) if start < len(one) else max(0, len(one) - 2 * AROUND)
    return _window(one, begin), _window(other, begin)


def _window(text: str, begin: int) -> str:
    end = begin + LONGEST - AROUND
    return ("..." if begin else "") + text[begin:end] + ("..." if end < len(text) else "")
