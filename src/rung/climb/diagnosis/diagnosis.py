"""A whole diagnosis: the cause, in words, the attribution, and the rungs that need not be tried. Pure, as its parts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.climb.diagnosis.attribution import Patient, ProbeReading, attribution, cost, leading, rung_of, skips
from rung.climb.diagnosis.wording import told
from rung.rungs.causes import Cause


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is missing. `as_json` is what is stored, shown and printed."""

    cause: Cause
    sentence: str
    patient: Patient
    probes: tuple[ProbeReading, ...]
    attribution: tuple[Mapping[str, Any], ...]
    skips: Mapping[str, str]

    @property
    def rung(self) -> str | None:
        """The rung that the cause points at."""
        return rung_of(self.cause)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "cause": self.cause.name,
            "rung": self.rung,
            "sentence": self.sentence,
            "n": self.patient.n,
            "failures": self.patient.failures,
            "of": dict(self.patient.of),
            "plain": self.patient.plain,
            "bar": self.patient.bar,
            "probes": [_probe_json(probe) for probe in self.probes],
            "attribution": [dict(line) for line in self.attribution],
            "skips": dict(self.skips),
        }


def _probe_json(probe: ProbeReading) -> dict[str, Any]:
    main = asdict(probe.main) if probe.main else dict.fromkeys(("before", "after", "lift", "lower", "upper"))
    keys = ("before", "after", "lift", "lower", "upper", "n", "flipped", "broken")
    figures = {key: main.get(key, 0) for key in keys}
    return {
        "name": probe.name,
        "title": probe.title,
        "cause": probe.cause.name if probe.cause else "",
        **figures,
        "flipped": len(probe.flips),
        "state": "ran" if probe.ran else "skipped",
        "reason": probe.reason,
        "most": probe.most,
        "ceiling": probe.ceiling,
        "likely_ceiling": probe.likely_ceiling,
        "arms": [asdict(arm) for arm in probe.arms],
        "facts": dict(probe.facts),
    }


def diagnosed(patient: Patient, probes: Sequence[ProbeReading]) -> Diagnosis:
    """The cause, in words, with the attribution and the rungs that need not be tried."""
    ordered = tuple(sorted(probes, key=cost))
    cause = leading(patient, ordered)
    return Diagnosis(
        cause=cause,
        sentence=told(cause, patient, ordered),
        patient=patient,
        probes=ordered,
        attribution=attribution(patient, ordered),
        skips=skips(patient, ordered),
    )
