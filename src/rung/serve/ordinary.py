"""An ordinary runtime behind a lock: what a caller asks for, on backends that know nothing of callers. One question at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from rung.engine.backend import Backend, Request
from rung.engine.caller import Caller, Gone, Late, Piece, nobody_hears
from rung.engine.runtime import Runtime
from rung.serve.types import Refused
from rung.types import Answer


def behind_a_lock(runtime: Runtime) -> Runtime:
    """The same runtime for many threads at once."""
    lock = threading.Lock()

    @cache
    def opened(reference: str) -> Backend:
        backend = runtime.backend_for(reference)
        return OneAtATime(backend=backend, lock=threading.Lock(), reference=backend.reference, template=backend.template)

    def backend_for(reference: str) -> Backend:
        with lock:
            return opened(reference)

    return replace(runtime, backend_for=backend_for)


@dataclass(kw_only=True)
class OneAtATime:
    """A Backend that answers one call after the other, with its callers' sampling."""

    backend: Backend
    lock: threading.Lock
    reference: str
    template: str

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """As the Backend answers. Raises Gone and Late before it begins, and Refused for log-probabilities that it cannot tell."""
        caller = next((request.caller for request in requests if request.caller), None)
        while not self.lock.acquire(timeout=0.05):
            _heed(caller)
        try:
            _heed(caller)
            answers = self.backend.answer([_sampled(request) for request in requests])
        finally:
            self.lock.release()
        for request, answer in zip(requests, answers, strict=True):
            if request.caller:
                request.caller.hear(Piece(text=_stopped(answer.text, request.caller.sampling.stop)))
        return answers


def _sampled(request: Request) -> Request:
    if request.caller is None:
        return request
    sampling = request.caller.sampling
    asks: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
    if sampling.max_tokens is not None:
        asks["max_tokens"] = sampling.max_tokens
    if sampling.top_logprobs is not None and not (request.constraint and request.constraint.kind == "choice"):
        raise Refused(400, "This server tells no log-probabilities of this model.", param="logprobs", code="unsupported_value")
    return replace(request, caller=replace(request.caller, hear=nobody_hears), **asks)


def _stopped(text: str, stops: Sequence[str]) -> str:
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def _heed(caller: Caller | None) -> None:
    if caller is None:
        return
    if caller.gone.is_set():
        raise Gone("the client has left")
    if caller.deadline is not None and time.monotonic() > caller.deadline:
        raise Late("no answer before its deadline")
