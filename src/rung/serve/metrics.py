"""What a server counts, for Prometheus: questions, tokens, seconds, by model and ending. No text and no tenant is in a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from rung.serve.types import Asked, Outcome, Refused, Served

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# Gauges of others (the engine's, the standing's): name -> its value now.
Figures = Callable[[], Mapping[str, float]]


class Meters:
    """One server's. Names follow Prometheus' conventions; a model is told by `name@version`, which only registering can add to."""

    def __init__(self, figures: Figures = dict) -> None:
        self._figures = figures

    def refused(self, asked: Asked, refused: Refused) -> None:
        """A question that nothing answered: its word for a model is a stranger's and no label."""
        self._counts["questions"].labels(model="", endpoint=asked.endpoint, ending="refused", status=str(refused.status)).inc()

    def answered(self, asked: Asked, served: Served, outcome: Outcome) -> None:
        """A question that was answered, or ended otherwise on the way."""
        model = outcome.fallback or served.ref
        ended = {"model": model, "endpoint": asked.endpoint, "ending": outcome.ending, "status": str(outcome.status)}
        self._counts["questions"].labels(**ended).inc()
        if outcome.latency_s is not None:
            self._counts["seconds"].labels(model=model, endpoint=asked.endpoint).observe(outcome.latency_s)
        if outcome.first_s is not None:
            self._counts["first"].labels(model=model, endpoint=asked.endpoint).observe(outcome.first_s)
        if (answer := outcome.answer) is not None:
            for kind, tokens in (
                ("prompt", answer.prompt_tokens),
                ("cached", answer.cached_tokens),
                ("answer", answer.completion_tokens),
            ):
                if tokens is not None:
                    self._counts["tokens"].labels(model=model, kind=kind).inc(tokens)
            if answer.cost_usd is not None:
                self._counts["usd"].labels(model=model).inc(answer.cost_usd)

    def text(self) -> bytes:
        """All of it in Prometheus' text form."""
        from prometheus_client import generate_latest

        self._counts  # noqa: B018 - made with the first question or the first look
        return generate_latest(self._registry)

    @cached_property
    def _registry(self) -> Any:
        from prometheus_client import CollectorRegistry

        return CollectorRegistry()

    @cached_property
    def _counts(self) -> dict[str, Any]:
        from prometheus_client import Counter, Histogram

        into: dict[str, Any] = {"registry": self._registry}
        seconds: dict[str, Any] = {**into, "buckets": SECONDS}
        whose = ("model", "endpoint")
        counts = {
            "questions": Counter(
                "rung_questions", "Questions, by what answered and how they ended.", (*whose, "ending", "status"), **into
            ),
            "seconds": Histogram("rung_answer_seconds", "Seconds to the whole answer.", whose, **seconds),
            "first": Histogram("rung_first_piece_seconds", "Seconds to the first piece.", whose, **seconds),
            "tokens": Counter("rung_tokens", "Tokens of prompts, of these cached, and of answers.", ("model", "kind"), **into),
            "usd": Counter("rung_cost_usd", "What answers cost where a server behind asks money.", ("model",), **into),
        }
        self._registry.register(_Gauges(self._figures))
        return counts


class _Gauges:
    """Figures of others as they stand when somebody looks."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> list[Any]:
        from prometheus_client.core import GaugeMetricFamily

        return [GaugeMetricFamily(name, name.replace("_", " "), value=value) for name, value in sorted(self._figures().items())]
