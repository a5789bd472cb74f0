"""A whole diagnosis: the cause, in words, the attribution, and the rungs that need not be tried. Pure, as its parts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.climb.diagnosis.attribution import Patient, ProbeReading, attribution, cost, leading, rung_of, skips
from rung.climb.diagnosis.wording import told
from rung.registry.documents import Attribution, DiagnosisRecord, ProbeRecord
from rung.rungs.causes import UNEXPLAINED, Cause


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is missing, with what the probes read; its `record` is stored, shown and printed."""

    cause: Cause
    sentence: str
    patient: Patient
    probes: tuple[ProbeReading, ...]
    attribution: tuple[Attribution, ...]
    skips: Mapping[str, str]

    @property
    def rung(self) -> str | None:
        """The rung that the cause points at."""
        return rung_of(self.cause)

    def record(self, seconds: float | None = None) -> DiagnosisRecord:
        """What is stored, shown and printed; `seconds` is what it took."""
        return DiagnosisRecord(
            cause=self.cause.name,
            rung=self.rung,
            sentence=self.sentence,
            n=self.patient.n,
            failures=self.patient.failures,
            of=self.patient.of,
            plain=self.patient.plain,
            bar=self.patient.bar,
            probes=tuple(_probe(probe) for probe in self.probes),
            attribution=self.attribution,
            skips=self.skips,
            seconds=seconds,
        )


def untold(patient: Patient, why: str) -> Diagnosis:
    """Where none of the answers is one, there is nothing that a probe could explain."""
    sentence = f"Nothing can be told: the plain instruction was answered by no answer that counts ({why})."
    return Diagnosis(cause=UNEXPLAINED, sentence=sentence, patient=patient, probes=(), attribution=(), skips={})


def _probe(probe: ProbeReading) -> ProbeRecord:
    main = probe.main
    return ProbeRecord(
        name=probe.name,
        title=probe.title,
        cause=probe.cause.name if probe.cause else "",
        before=main.before if main else None,
        after=main.after if main else None,
        lift=main.lift if main else None,
        lower=main.lower if main else None,
        upper=main.upper if main else None,
        n=main.n if main else 0,
        flipped=len(probe.flips),
        broken=main.broken if main else 0,
        state="ran" if probe.ran else "skipped",
        reason=probe.reason,
        most=probe.most,
        ceiling=probe.ceiling,
        likely_ceiling=probe.likely_ceiling,
        arms=probe.arms,
        facts=probe.facts,
        said=probe.said,
    )


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
