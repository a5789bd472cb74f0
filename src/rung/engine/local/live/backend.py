"""A model in this process that is asked from many threads at once: each waits for its own answers, one thread computes them all."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from rung import __version__
from rung.engine.backend import AdapterUse, Keep, Request, Say, price_usd, quiet
from rung.engine.caller import Caller, Full, nobody_hears
from rung.engine.live import EngineFigures, Limits
from rung.engine.local.adapters import BASE, AdapterCache, Stack
from rung.engine.local.apart import apart
from rung.engine.local.batching import common_length
from rung.engine.local.gathered import gathers_on
from rung.engine.local.live.engine import Engine
from rung.engine.local.live.question import Question, answered
from rung.engine.local.live.telling import Telling
from rung.engine.local.model import LocalModel
from rung.engine.local.prompting import Prompting, choices_of
from rung.engine.local.rows import Ask
from rung.sources.base import BaseReference
from rung.types import Answer

if TYPE_CHECKING:
    from rung.engine.local.answering import Answering

NOBODY = Caller()


class LiveAnswering:
    """A Backend for many threads over the model of another, whose answers it gives."""

    def __init__(self, answering: Answering, limits: Limits, prices: Mapping[str, float] | None = None) -> None:
        self._answering, self._limits, self._prices = answering, limits, prices or {}
        self.reference, self.template = answering.reference, answering.template
        self._opening = threading.Lock()
        # Adapters are read beside the engine's thread, one at a time: nobody's next token waits for a disk.
        self._reading = threading.Lock()
        self._full = 0
        self._closed = False

    @property
    def context_tokens(self) -> int | None:
        """How many tokens it reads at most, the answer included."""
        return self._answering.context_tokens

    @cached_property
    def _loaded(self) -> _Loaded:
        return apart(lambda: _Loaded(self._answering.model, self._limits))

    @property
    def _open(self) -> _Loaded:
        with self._opening:
            return self._loaded

    def prepare(self) -> None:
        """Have the model in memory, and a pass of it behind it."""
        request = Request(messages=({"role": "user", "content": "?"},), max_tokens=1)
        self.answer([request])

    def engine(self) -> str:
        """Its release, torch's, and the arithmetic: what answers follow from beside the base and its adapters."""
        decoder = self._open.model.decoder
        gathers = "gathered" if gathers_on(decoder.device, decoder.dtype) else ""
        words = (str(decoder.dtype).removeprefix("torch."), self._open.model.weights, getattr(decoder, "WAY", ""), gathers)
        return f"rung {__version__} torch {torch.__version__} {' '.join(filter(None, words))}"

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One Answer for each, in order. Raises ContextTooLong, UserError, and for who waits Gone, Late and Full."""
        return self.answer_each(requests, lambda _answers: None)

    def answer_each(self, requests: Sequence[Request], keep: Keep, say: Say = quiet) -> list[Answer]:
        """The same; `keep` hears all of them together."""
        requests = [_drawn(request) for request in requests]
        loaded = self._open
        with torch.inference_mode():
            prompts = loaded.prompting.prompts(requests)
            questions = [self._question(loaded, request, ids) for request, ids in zip(requests, prompts, strict=True)]
        for question in questions:
            if error := question.left:
                raise error
        try:
            loaded.engine.ask(questions)
        except Full:
            self._full += 1
            raise
        loaded.engine.wait(questions)
        priced = [replace(said, cost_usd=price_usd(self._prices, said)) for said in answered(questions)]
        keep(dict(enumerate(priced)))
        return priced

    def figures(self) -> EngineFigures:
        """What it does, and did."""
        base = BaseReference.read(self.reference).pin if self.reference else ""
        if "_loaded" not in vars(self):
            return EngineFigures(base=base, full=self._full)
        engine, warm = self._loaded.engine, self._loaded.adapters.warm
        counted = engine.counting
        return EngineFigures(
            base=base,
            waiting=engine.waiting,
            rows=engine.rows,
            tokens=counted.tokens,
            prompt_tokens=counted.prompt_tokens,
            known_tokens=counted.known_tokens,
            tokens_per_s=counted.tokens_per_s,
            adapters=len(warm),
            warm_bytes=warm.bytes,
            known_bytes=engine.conversations.bytes,
            hits=warm.hits,
            misses=warm.misses,
            evictions=warm.evictions,
            cold_s=tuple(warm.made_s),
            answered=counted.answered,
            gone=counted.gone,
            late=counted.late,
            full=self._full,
            failed=counted.failed,
        )

    def close(self) -> None:
        """No more questions; those that are open end with Gone."""
        with self._opening:
            if "_loaded" in vars(self):
                self._loaded.engine.close()

    def _question(self, loaded: _Loaded, request: Request, ids: Sequence[int]) -> Question:
        caller, prompting = request.caller or NOBODY, loaded.prompting
        names = choices_of(request)
        choices = prompting.choices(names) if names else None
        sampling = caller.sampling
        ask = Ask(
            ids=[*ids, *choices.common] if choices else ids,
            max_tokens=1 if choices else prompting.room(request, ids),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            constraint=prompting.constraint(request),
            stack=self._stack(loaded, request.adapters),
            never=loaded.model.unsayable,
            told=sampling.top_logprobs,
            among=choices,
        )
        begins = prompting.beginning(request)
        heard = sampling.stop or sampling.top_logprobs is not None or caller.hear is not nobody_hears
        telling = Telling(
            loaded.model.tokenizer,
            loaded.model.end_tokens,
            stops=sampling.stop,
            opened=prompting.opened(request, ids),
            hear=caller.hear,
        )
        return Question(
            request=request,
            ask=ask,
            caller=caller,
            prompting=prompting,
            telling=telling if heard else None,
            shared=common_length([begins, ids]) if begins else 0,
        )

    def _stack(self, loaded: _Loaded, uses: Sequence[AdapterUse]) -> Stack:
        """In this thread where all is in memory."""
        if not uses:
            return BASE
        if all(use.digest in loaded.adapters.warm for use in uses):
            return loaded.adapters.stack(uses)
        with self._reading:
            return apart(lambda: _inferred(loaded.adapters, uses))


class _Loaded:
    """A model in memory, and what belongs to it."""

    def __init__(self, model: LocalModel, limits: Limits) -> None:
        self.model = model
        self.prompting = Prompting(model)
        self.adapters = AdapterCache(model.decoder, limits.warm_bytes)
        self.engine = Engine(model, self.prompting, limits)
        # What is compiled for it is ready before the first question.
        gathers_on(model.decoder.device, model.decoder.dtype)


@torch.inference_mode()
def _inferred(adapters: AdapterCache, uses: Sequence[AdapterUse]) -> Stack:
    # Of small tensors: more threads would first have to be made. The engine says its own number before each pass.
    torch.set_num_threads(1)
    return adapters.stack(uses)


def _drawn(request: Request) -> Request:
    """The request as who waits for its answer wants it drawn."""
    if request.caller is None:
        return request
    asked = request.caller.sampling
    most = request.max_tokens if asked.max_tokens is None else asked.max_tokens
    return replace(request, temperature=asked.temperature, top_p=asked.top_p, seed=asked.seed, max_tokens=most)
