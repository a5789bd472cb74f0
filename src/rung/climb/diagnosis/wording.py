"""A diagnosis in words: what leads, by which figures, and what that does not show."""

from __future__ import annotations

from collections.abc import Sequence

from rung.climb.diagnosis.attribution import (
    FEWEST_FAILURES,
    FEWEST_ROWS,
    SHOWN_LEVEL,
    Patient,
    ProbeReading,
    doubtful,
    resources,
    rung_of,
    silent,
    unreachable,
)
from rung.rungs.causes import LABELS, SKILL, SOLVED, UNEXPLAINED, Cause

# Told of the check where at least so many answers, and so large a share of them, fail although they hold their target.
FEWEST_HOLDING, HOLDING_SHARE = 5, 0.2


def told(cause: Cause, patient: Patient, probes: Sequence[ProbeReading]) -> str:
    """One or two sentences for the leading cause, and one for a check that may be stricter than was meant."""
    by = f" What is counted is {patient.by}." if patient.by else ""
    return _cause_told(cause, patient, probes) + by + (_strictness(probes) if patient.verbatim and cause != SOLVED else "")


def _strictness(probes: Sequence[ProbeReading]) -> str:
    arms = [arm for probe in probes for arm in probe.arms if arm.holding >= max(FEWEST_HOLDING, HOLDING_SHARE * arm.n)]
    if not arms:
        return ""
    worst = max(arms, key=lambda arm: arm.holding / arm.n)
    return (
        f" But look at the check: with {worst.name}, {worst.holding} of {worst.n} answers fail although they hold their target, "
        "among other words. Where that is as good, let quality.scorer be contains."
    )


def _cause_told(cause: Cause, patient: Patient, probes: Sequence[ProbeReading]) -> str:
    plain = f"the plain instruction is at {patient.plain:.1%} on dev"
    if cause == SOLVED:
        return f"Nothing is missing: {plain}, the bar is {patient.bar:.1%}."
    if cause == LABELS:
        most = unreachable(patient, probes)
        return (
            f"The labels are what is wrong: the same questions are labelled in different ways, so that nothing can score more than "
            f"{most:.1%}, and the bar is {patient.bar:.1%}. Mend the labels, or lower the bar."
        )
    if cause == SKILL:
        told_of = _tried(patient, probes)
        return f"A skill is missing that rows may teach, by elimination: {plain}, and {told_of}.{_limits(patient, probes)}"
    if cause == UNEXPLAINED:
        return f"Unexplained: {plain}, and {_tried(patient, probes)}. {_why_open(patient, probes)}"
    return _mended(cause, patient, probes)


def _mended(cause: Cause, patient: Patient, probes: Sequence[ProbeReading]) -> str:
    main = max((probe.main for probe in probes if probe.cause == cause and probe.main), key=lambda arm: arm.after)
    on = f" (measured on {main.n} of its {patient.n} rows)" if main.n < patient.n else ""
    lift = f"{main.name}: dev goes from {patient.plain:.1%} to {main.after:.1%}{on}"
    if patient.bar is None:
        return f"{cause.lead}: {lift}."
    short = "" if main.after >= patient.bar else f", short of the bar of {patient.bar:.1%}, but most of the way"
    over = f", over the bar of {patient.bar:.1%}" if not short else ""
    return f"{cause.lead}: {lift}{over}{short}."


def _tried(patient: Patient, probes: Sequence[ProbeReading]) -> str:
    """The best that was reached; apart from it, what dev shows of rungs that the gate has shown to fail."""
    mains = [(probe.main, rung_of(probe.cause) in patient.failed) for probe in probes if probe.cause and probe.main]
    open_, failed = ([arm for arm, at_gate in mains if at_gate is wanted] for wanted in (False, True))
    bar = f" of the bar of {patient.bar:.1%}" if patient.bar is not None else ""
    best = max(open_, key=lambda arm: arm.after, default=None)
    said = f"no probe comes within reach{bar}" + (f" (the best, {best.name}: {best.after:.1%})" if best else "")
    beaten = max(failed, key=lambda arm: arm.after, default=None)
    if beaten is None or (best is not None and beaten.after <= best.after):
        return said
    return f"{said}; {beaten.name} come to {beaten.after:.1%} on {beaten.n} dev rows, but that rung has failed at the gate"


def _limits(patient: Patient, probes: Sequence[ProbeReading]) -> str:
    """What elimination has not excluded, and what hints at the skill being there."""
    absent = [cause.resource for cause in resources() if rung_of(cause) not in patient.rungs]
    said = f" The task gives no {' and no '.join(absent)}, so that a lack of those is not excluded." if absent else ""
    for probe in probes:
        if probe.cause and probe.cause.resource and probe.main and probe.main.p > SHOWN_LEVEL:
            said += f" With {probe.main.name} dev is at {probe.main.after:.1%}: the base does not make use of it."
    sampled = next((probe.facts for probe in probes if "pass_at_k" in probe.facts), None)
    if sampled:
        said += f" A right answer is among {sampled['k']} tries for {sampled['pass_at_k']:.1%}, at the first for "
        said += f"{sampled['pass_at_1']:.1%}."
    return said


def _why_open(patient: Patient, probes: Sequence[ProbeReading]) -> str:
    if patient.n < FEWEST_ROWS or patient.failures < FEWEST_FAILURES:
        return f"{patient.n} dev rows with {patient.failures} failures are too few to tell more."
    if (likely := doubtful(patient, probes)) is not None:
        most = min(probe.ceiling for probe in probes if probe.ceiling is not None)
        return (
            f"Labels seem to contradict each other: about {likely:.1%} is the most that anything can score, and {most:.1%} is not "
            "excluded. Label some questions twice to know."
        )
    return " ".join(
        f"Whether it is {probe.cause.name} could not be told: {probe.reason}." for probe in silent(patient, probes) if probe.cause
    )
