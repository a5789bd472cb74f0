"""Where questions are answered while somebody waits: many callers, many Candidates, one copy of each base.

The Runtime of a server. It answers through the same door as evaluation does (`engine.answer.answer`); its models take the questions
of any number of threads at once, each into the one batch of its base.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from rung.engine.backend import Backend
from rung.engine.retrieval.retriever import Retriever
from rung.engine.runtime import Runtime
from rung.errors import UserError, did_you_mean
from rung.parts import Retrieval
from rung.sources.base import BaseReference
from rung.storage import Blobs
from rung.types import Candidate

GIB = 1 << 30
KEPT_RETRIEVERS = 16
Opened = TypeVar("Opened")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a base that answers may take, each of them for itself.

    rows          answers under way at once; None for as many as its kind of device is good for
    pass_tokens   of prompts, read in one pass: those whose answers are under way wait for no more than that between two tokens
    kept_bytes    keys and values of answers under way, at the longest that they may become
    known_bytes   keys and values of conversations that may go on: what a tenant's next question begins with is not read again
    warm_bytes    adapters in memory; others are read from disk when they are asked for
    waiting       questions that have no place yet; what is more is refused with Full
    waiting_each  those of one tenant: a flood fills no more than its own line
    """

    rows: int | None = None
    pass_tokens: int = 128
    kept_bytes: int = 2 * GIB
    known_bytes: int = GIB
    warm_bytes: int = 2 * GIB
    waiting: int = 1024
    waiting_each: int = 256

    @classmethod
    def read(cls, words: Sequence[str]) -> Limits:
        """Of `rows=16`, `warm_mib=512` and the like: bytes are said in MiB. Raises UserError for what is none of them."""
        said: dict[str, int] = {}
        for word in words:
            name, _, value = word.partition("=")
            field_name = f"{name.removesuffix('_mib')}_bytes" if name.endswith("_mib") else name
            if field_name not in _LIMITS or name.endswith("_bytes"):
                known = [one.replace("_bytes", "_mib") for one in _LIMITS]
                raise UserError(f"no limit of the engine is called '{name}'", hint=did_you_mean(name, known))
            if not value.isascii() or not value.isdigit() or int(value) < 1:
                raise UserError(f"{name} is '{value}', not a whole number above 0", hint=f"Write {name}=64.")
            said[field_name] = int(value) << 20 if field_name.endswith("_bytes") else int(value)
        return cls(**said)


_LIMITS = tuple(one.name for one in fields(Limits))


@dataclass(frozen=True, kw_only=True)
class EngineFigures:
    """What one base does, for whoever watches it. Totals count from its start; seconds are those of its own clock.

    base             its digest
    waiting          questions without a place; `rows` with one
    tokens           made, `prompt_tokens` read, `known_tokens` of prompts that were not read again, all of them totals
    tokens_per_s     made, over the last seconds
    adapters         in memory, and `warm_bytes` of them; `known_bytes` of conversations that may go on
    hits, misses     adapters that were in memory, or had to be read; `evictions` of them
    cold_s           what reading one took, the last ones
    answered, gone, late, full, failed   how questions ended
    """

    base: str
    waiting: int = 0
    rows: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    known_tokens: int = 0
    tokens_per_s: float = 0.0
    adapters: int = 0
    warm_bytes: int = 0
    known_bytes: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    cold_s: tuple[float, ...] = ()
    answered: int = 0
    gone: int = 0
    late: int = 0
    full: int = 0
    failed: int = 0


def totals(figures: Sequence[EngineFigures]) -> Mapping[str, float]:
    """Of all bases together, by names for Prometheus."""
    told = {f"rung_engine_{name}": float(sum(getattr(one, name) for one in figures)) for name in _COUNTED}
    cold = sorted(seconds for one in figures for seconds in one.cold_s)
    return told | ({"rung_engine_cold_s_p95": cold[int(0.95 * (len(cold) - 1))]} if cold else {})


_COUNTED = tuple(one.name for one in fields(EngineFigures) if one.name not in ("base", "cold_s"))


class LiveBackend(Backend, Protocol):
    """A Backend that may be asked from many threads at once: their questions share one batch.

    Where a request bears a Caller, Gone, Late and Full are raised to who asked, and its pieces are heard.
    """

    def prepare(self) -> None:
        """Have the base in memory. Raises UserError where it cannot be loaded."""

    def engine(self) -> str:
        """What computes it, for fingerprints: equal words say equal arithmetic."""

    def figures(self) -> EngineFigures: ...

    def close(self) -> None:
        """No more questions; those that are open end with Gone."""


@runtime_checkable
class NamesEngine(Protocol):
    """What computes, for fingerprints: equal words say equal arithmetic."""

    def engine(self) -> str: ...


@runtime_checkable
class GoesLive(Protocol):
    """A Backend that can take questions of many threads into one batch."""

    def live(self, limits: Limits) -> LiveBackend: ...


@dataclass(frozen=True, kw_only=True)
class LiveRuntime(Runtime):
    """A Runtime whose bases are shared by all who ask. `replace(runtime, caller=...)` asks for one of them."""

    bases: LiveBases

    def retriever(self, candidate: Candidate) -> Retriever | None:
        """The Candidate's retriever, opened once: its index is not read again for each question."""
        if candidate.retrieval is None:
            return None
        return self.bases.retriever(candidate.retrieval, partial(Runtime.retriever, self, candidate))

    def prepare(self, base: str) -> None:
        """Have the base that a Candidate names ready before it is asked for. Raises UserError, BrokenEnvironment."""
        backend = self.backend_for(base)
        if known := self.bases.live(backend):
            known.prepare()

    def engine(self, base: str) -> str:
        """What computes a Candidate's base, for its fingerprint; "" where nobody says."""
        if BaseReference.read(base).is_linear:
            return ""
        backend = self.backend_for(base)
        known = self.bases.live(backend) or backend
        return known.engine() if isinstance(known, NamesEngine) else ""

    def figures(self) -> tuple[EngineFigures, ...]:
        """Of each base in this process that has been asked for."""
        return self.bases.figures()

    def close(self) -> None:
        """Ends what is under way with Gone, and every thread of the engine's."""
        self.bases.close()


@dataclass(kw_only=True)
class LiveBases:
    """The backends that were opened, by their bases' digests: two names of one base are one model in memory."""

    place: Path
    blobs: Blobs
    limits: Limits = Limits()
    weights: str = ""
    prices: Mapping[str, float] = field(default_factory=dict)
    _named: dict[str, Backend] = field(default_factory=dict)
    _made: dict[tuple[str, str], Backend] = field(default_factory=dict)
    _retrievers: OrderedDict[Retrieval, Retriever | None] = field(default_factory=OrderedDict)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def open(self, reference: str) -> Backend:
        """Once for each base. Raises UserError, BrokenEnvironment."""
        with self._lock:
            if reference not in self._named:
                self._named[reference] = self._open(BaseReference.read(reference))
            return self._named[reference]

    def live(self, backend: Backend) -> LiveBackend | None:
        """The backend, where it is one of this process's own."""
        return next((live for live in self._live() if live is backend), None)

    def retriever(self, retrieval: Retrieval, open_it: Callable[[], Retriever | None]) -> Retriever | None:
        """One of those used last. Raises what opening it raises."""
        with self._lock:
            if retrieval not in self._retrievers:
                self._retrievers[retrieval] = open_it()
            self._retrievers.move_to_end(retrieval)
            if len(self._retrievers) > KEPT_RETRIEVERS:
                self._retrievers.popitem(last=False)
            return self._retrievers[retrieval]

    def figures(self) -> tuple[EngineFigures, ...]:
        return tuple(live.figures() for live in self._live())

    def close(self) -> None:
        for live in self._live():
            live.close()

    def _live(self) -> list[LiveBackend]:
        with self._lock:
            return [backend for backend in self._made.values() if hasattr(backend, "figures")]  # type: ignore[misc]

    def _open(self, asked: BaseReference) -> Backend:
        from rung.engine.bases.resolve import open_backend, resolve

        if self.weights and not asked.weights and not asked.is_server and asked.kind != "scripted":
            asked = asked.with_weights(self.weights)
        base = resolve(str(asked), self.place, blobs=self.blobs)
        key = (base.digest, asked.weights)
        if key not in self._made:
            backend = open_backend(str(asked), self.place, prices=self.prices or None, blobs=self.blobs)
            self._made[key] = backend.live(self.limits) if isinstance(backend, GoesLive) else backend
        return self._made[key]


def open_live_runtime(
    place: Path,
    blobs: Blobs,
    limits: Limits = Limits(),
    *,
    weights: str = "",
    prices: Mapping[str, float] | None = None,
) -> LiveRuntime:
    """A runtime over a store, for a server; bases are brought to `place`, loaded at their first question, and kept.

    weights  int8 to answer from weights of int8, whatever Candidates say of their base: each base's own check must admit it, which
             raises UserError at its first question where it does not
    prices   as in `backend.price_usd`
    """
    from rung.engine.retrieval.encoders import open_encoder
    from rung.engine.retrieval.rerank import open_reranker
    from rung.sources.base import WEIGHTS

    if weights and weights not in WEIGHTS:
        raise UserError(f"no base answers from weights of '{weights}'", hint=f"Known: {', '.join(WEIGHTS)}.")
    bases = LiveBases(place=place, blobs=blobs, limits=limits, weights=weights, prices=dict(prices or {}))
    opening = threading.Lock()
    encoders = _one_by_one(cache(lambda reference: open_encoder(reference, place)), opening)
    rerankers = _one_by_one(cache(lambda reference: open_reranker(reference, place)), opening)
    return LiveRuntime(
        backend_for=bases.open,
        encoder_for=encoders,
        reranker_for=rerankers,
        blobs=blobs,
        live=True,
        bases=bases,
    )


def _one_by_one(opener: Callable[[str], Opened], lock: threading.Lock) -> Callable[[str], Opened]:
    """The same for many threads: what two ask for is opened once."""

    def opened(reference: str) -> Opened:
        with lock:
            return opener(reference)

    return opened
