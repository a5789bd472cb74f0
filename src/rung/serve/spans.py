"""OpenTelemetry: a span for each question, by the conventions for generative models (gen_ai.*). An extra; without it, nothing.

No text of a question or an answer is in a span: those who read traces are not those who may read what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from rung.errors import BrokenEnvironment
from rung.serve.types import Asked, Outcome, Served

Ended = Callable[[Outcome], None]
OPERATIONS = {"chat": "chat", "responses": "chat", "completions": "text_completion", "embeddings": "embeddings"}


class Spans(Protocol):
    """Where spans go."""

    def answering(self, asked: Asked, served: Served) -> AbstractContextManager[Ended]:
        """A span around an answer; what it gives is told how the answer ended. An error within ends the span as one."""


class NoSpans:
    """Nobody traces."""

    @contextmanager
    def answering(self, asked: Asked, served: Served) -> Iterator[Ended]:
        yield lambda _outcome: None


class OpenTelemetry:
    """Spans of a tracer; None takes the one that the process has been given (OTEL_EXPORTER_OTLP_ENDPOINT and the like)."""

    def __init__(self, tracer: Any = None) -> None:
        self._tracer = tracer or _tracer()

    @contextmanager
    def answering(self, asked: Asked, served: Served) -> Iterator[Ended]:
        operation = OPERATIONS[asked.endpoint]
        asks = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "rung",
            "gen_ai.request.model": asked.model,
            "gen_ai.response.model": served.ref,
            "gen_ai.response.id": asked.id,
            "rung.candidate": served.candidate.id,
            "rung.tenant": asked.tenant.id,
        }
        with self._tracer.start_as_current_span(f"{operation} {served.ref}", attributes=asks) as span:
            yield lambda outcome: span.set_attributes(_ended(outcome))


def _ended(outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    told: dict[str, Any] = {"rung.ending": outcome.ending, "http.response.status_code": outcome.status}
    if outcome.fallback:
        told["rung.fallback"] = outcome.fallback
    if answer is not None:
        told["gen_ai.response.finish_reasons"] = [answer.finish_reason]
        figures = {"gen_ai.usage.input_tokens": answer.prompt_tokens, "gen_ai.usage.output_tokens": answer.completion_tokens}
        told |= {name: value for name, value in figures.items() if value is not None}
    return told


def _tracer() -> Any:
    """The process's tracer; its exporter is what OpenTelemetry's own variables say. Raises BrokenEnvironment without the extra."""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BrokenEnvironment("OpenTelemetry is not installed", hint="pip install 'rung[otel]'") from error
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("rung")
