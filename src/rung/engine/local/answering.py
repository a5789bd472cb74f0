"""Requests in, Answers out, on a model in this process: what is shared is computed once, what is alike is computed together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock

import torch

from rung.engine.backend import Keep, Request, Say, price_usd, quiet
from rung.engine.live import Limits, LiveBackend
from rung.engine.local.adapters import AdapterCache, Stack
from rung.engine.local.batching import Budget, plan, shared_prefix
from rung.engine.local.completing import Completion
from rung.engine.local.computing import Computing, computing
from rung.engine.local.decoder import Decoder
from rung.engine.local.devices import ACCELERATOR, PROCESSOR, kind_of
from rung.engine.local.memory import give_back_freed_memory
from rung.engine.local.model import LocalModel
from rung.engine.local.prefix import Prefix, PrefixCache
from rung.engine.local.prompting import Prompting, choices_of, chosen
from rung.engine.local.rows import Ask
from rung.engine.local.settings import context_tokens
from rung.errors import UserError
from rung.types import UNHELD, Answer

# Rows in a batch, tokens in its first pass and bytes of its keys and values, by kind of device.
LIMITS = {PROCESSOR: (64, 4096, 1 << 30), ACCELERATOR: (256, 32768, 8 << 30)}


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A request as tokens, what it is answered with, and what of it is known.

    prefix    that it shares with the others of its stack, and its share of the seconds that computing it took
    cached    tokens of it that this question did not pay for
    """

    request: Request
    ids: Sequence[int]
    stack: Stack
    prefix: Prefix | None
    shared_s: float
    cached: int

    @property
    def own_length(self) -> int:
        return len(self.ids) - (len(self.prefix.tokens) if self.prefix else 0)


class Answering:
    """A model in this process as a Backend: its adapters, grammars, choice sets and prefixes stay between calls.

    model   or what loads it, at the first question
    prices  as in `backend.price_usd`
    folder  that it is loaded from, where it is
    """

    def __init__(
        self,
        model: LocalModel | Callable[[], LocalModel],
        *,
        reference: str = "",
        template: str = "",
        prices: Mapping[str, float] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._source, self._prices, self._lock, self._folder = model, prices or {}, Lock(), folder
        self.reference, self.template = reference, template
        self._prefixes = PrefixCache()

    @cached_property
    def model(self) -> LocalModel:
        """For training too: the same weights in memory."""
        return self._source if isinstance(self._source, LocalModel) else self._source()

    def live(self, limits: Limits) -> LiveBackend:
        """The same model for many threads at once."""
        from rung.engine.local.live.backend import LiveAnswering

        return LiveAnswering(self, limits, prices=self._prices)

    @property
    def decoder(self) -> Decoder:
        return self.model.decoder

    @property
    def context_tokens(self) -> int | None:
        """How many tokens it reads at most, the answer included; None where that is not known. No weight is read for it."""
        return context_tokens(self._folder) if self._folder else self.model.config.max_positions

    @cached_property
    def _prompting(self) -> Prompting:
        return Prompting(self.model)

    @cached_property
    def _computing(self) -> Computing:
        return computing(self.decoder)

    @cached_property
    def _adapters(self) -> AdapterCache:
        return AdapterCache(self.decoder)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One Answer for each Request, in order; one call at a time. Raises ContextTooLong, and UserError for a constraint that
        cannot be held.

        Questions of different adapters are answered side by side; which are computed together follows from the requests alone.
        """
        return self.answer_each(requests, lambda _answers: None)

    def answer_each(self, requests: Sequence[Request], keep: Keep, say: Say = quiet) -> list[Answer]:
        """The same. `keep` hears each answer, by its request's place, as soon as it is there."""
        requests = list(requests)
        with self._lock, _inference(self.model):
            kinds = [choices_of(request) for request in requests]
            questions = self._questions(requests)
            # Choices are read in one pass a stack of adapters, all that is generated goes in one batch of every stack.
            groups = [(kind, question.stack.key if kind else ()) for kind, question in zip(kinds, questions, strict=True)]
            answers: dict[int, Answer] = {}
            for group in dict.fromkeys(groups):
                members = [index for index, other in enumerate(groups) if other == group]
                asked = [questions[index] for index in members]
                for place, found in self._by_choice(asked, group[0]) if group[0] else self._by_generation(asked):
                    said = {members[place]: self._priced(found)}
                    answers |= said
                    keep(said)
            give_back_freed_memory()
            return [answers[index] for index in range(len(requests))]

    def _priced(self, answer: Answer) -> Answer:
        """What the tokens cost by the task's prices; unknown without them."""
        return replace(answer, cost_usd=price_usd(self._prices, answer))

    def _questions(self, requests: Sequence[Request]) -> list[_Question]:
        """Those of one stack of adapters share what their prompts begin with."""
        prompts = self._prompting.prompts(requests)
        questions: dict[int, _Question] = {}
        for adapters in dict.fromkeys(request.adapters for request in requests):
            members = [index for index, request in enumerate(requests) if request.adapters == adapters]
            stack = self._adapters.stack(adapters)
            began = time.perf_counter()
            prefix, fresh = self._shared([requests[index] for index in members], [prompts[index] for index in members], stack)
            shared_s = (time.perf_counter() - began) / len(members)
            for index in members:
                cached = len(prefix.tokens) if prefix and not (fresh and index == members[0]) else 0
                questions[index] = _Question(
                    request=requests[index], ids=prompts[index], stack=stack, prefix=prefix, shared_s=shared_s, cached=cached
                )
        return [questions[index] for index in range(len(requests))]

    def _by_choice(self, asked: Sequence[_Question], names: tuple[str, ...]) -> Iterator[tuple[int, Answer]]:
        choices = self._prompting.choices(names)
        lengths = [question.own_length + len(choices.common) + choices.most_nodes for question in asked]
        for places in plan(lengths, lengths, self._budget):
            rows, began = [asked[place] for place in places], time.perf_counter()
            logs = self._computing.choose([row.ids for row in rows], choices, rows[0].prefix, rows[0].stack)
            found = [chosen(names, row, choices) for row in logs.tolist()]
            seconds = (time.perf_counter() - began) / len(rows)
            yield from ((place, _measured(asked[place], said, seconds)) for place, said in zip(places, found, strict=True))

    def _by_generation(self, asked: Sequence[_Question]) -> Iterator[tuple[int, Answer]]:
        asks = [self._ask(question) for question in asked]
        grammars = self._prompting.grammars if any(ask.constraint for ask in asks) else None
        held, unheld = False, list[UserError]()
        for made in self._computing.complete(asks, self.model.end_tokens, grammars, self._budget):
            if made.error:
                unheld.append(made.error)
            else:
                held = held or asks[made.row].constraint is not None
            yield made.row, _measured(asked[made.row], self._answer(asked[made.row], made), made.seconds)
        # A row whose form cannot be held does not stop the others; one that nobody's answer can be held to is the user's to mend.
        if unheld and not held:
            raise unheld[0]

    def _ask(self, question: _Question) -> Ask:
        request = question.request
        return Ask(
            ids=question.ids,
            max_tokens=self._prompting.room(request, question.ids),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            constraint=self._prompting.constraint(request),
            prefix=question.prefix,
            stack=question.stack,
            never=self.model.unsayable,
        )

    def _answer(self, question: _Question, made: Completion) -> Answer:
        if made.error:
            return Answer(text="", completion_tokens=len(made.ids), finish_reason=UNHELD, fault=made.error.problem)
        text = self._prompting.text(question.request, question.ids, made.ids, made.finish_reason)
        return Answer(text=text, completion_tokens=len(made.ids), finish_reason=made.finish_reason)

    def _shared(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]], stack: Stack) -> tuple[Prefix | None, bool]:
        """(the prefix that all prompts share, whether it was computed just now).

        No more of it than the requests say that others will share: so it is the same for each batch, and for a question alone.
        """
        compute = self._computing.prefix
        least = self._prompting.beginning(min(requests, key=lambda request: request.shared))
        tokens = tuple(prompts[0][: shared_prefix([*prompts, *([least] if least else [])])])
        if not tokens or compute is None:
            return None, False
        known = self._prefixes.get(stack, tokens)
        if known:
            return known, False
        prefix = compute(tokens, stack)
        self._prefixes.put(prefix)
        return prefix, True

    @cached_property
    def _budget(self) -> Budget:
        config = self.model.config
        rows, tokens, kept_bytes = LIMITS[kind_of(self.decoder.device)]
        token_bytes = config.token_bytes(self.decoder.dtype.itemsize)
        return Budget(rows=rows, tokens=tokens, kept_tokens=kept_bytes // token_bytes)


def _inference(_loaded: LocalModel) -> AbstractContextManager[object]:
    """Inference mode, begun once the model is loaded: tensors that are made within it cannot be trained."""
    return torch.inference_mode()


def _measured(row: _Question, answer: Answer, seconds: float) -> Answer:
    """The answer with its prompt's tokens, and its share of the time that it took with others."""
    return replace(answer, latency_s=row.shared_s + seconds, prompt_tokens=len(row.ids), cached_tokens=row.cached)
