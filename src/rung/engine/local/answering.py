"""Requests in, Answers out, on a model in this process: what is shared is computed once, what is alike is computed together."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import torch

from rung.engine.backend import AdapterUse, ContextTooLong, Request
from rung.engine.chat import prompt_tokens, text_of
from rung.engine.constrain import Constraint, Grammars
from rung.engine.local.adapters import AdapterCache
from rung.engine.local.batching import ALIKE, Budget, plan, shared_prefix
from rung.engine.local.choose import Choices, choice_tokens, choose
from rung.engine.local.generate import FORCED_AT_ONCE, Ask, Completion, Start, end_tokens, generate
from rung.engine.local.memory import give_back_freed_memory
from rung.engine.local.model import LocalModel
from rung.engine.local.prefix import Prefix, PrefixCache, compute_prefix
from rung.engine.local.update import Update
from rung.errors import UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import Answer

# Rows in a batch, tokens in its first pass and bytes of its keys and values, by kind of device.
LIMITS = {"cpu": (64, 4096, 1 << 30), "cuda": (256, 32768, 8 << 30)}
KEPT_CHOICE_SETS = 16


class Answering:
    """One model's runtime: its adapters, grammars, choice sets and prefixes stay between calls."""

    def __init__(self, model: LocalModel) -> None:
        self.model, self.decoder = model, model.decoder
        self._adapters, self._prefixes = AdapterCache(model.decoder), PrefixCache()
        self._choices: OrderedDict[tuple[str, ...], Choices] = OrderedDict()

    @torch.inference_mode()
    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One Answer for each Request, in order. Raises ContextTooLong, and UserError for a constraint that cannot be held."""
        prompts = [prompt_tokens(self.model.tokenizer, request.messages, request.tools) for request in requests]
        self._check_lengths(requests, prompts)
        answers: dict[int, Answer] = {}
        for adapters in dict.fromkeys(request.adapters for request in requests):
            members = [index for index, request in enumerate(requests) if request.adapters == adapters]
            found = self._alike([requests[index] for index in members], [prompts[index] for index in members], adapters)
            answers |= dict(zip(members, found, strict=True))
        return [answers[index] for index in range(len(requests))]

    def _alike(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]], adapters: Sequence[AdapterUse]) -> list[Answer]:
        kinds = [_kind(request) for request in requests]
        digests, update = self._adapters.get(adapters)
        began = time.perf_counter()
        prefix, fresh = self._shared(prompts, digests, update)
        shared_s = (time.perf_counter() - began) / max(1, len(requests))
        start = Start(prefix=prefix, update=update)
        answers: dict[int, Answer] = {}
        for kind in dict.fromkeys(kinds):
            members = [index for index, other in enumerate(kinds) if other == kind]
            group = _Group([requests[index] for index in members], [prompts[index] for index in members], start, shared_s)
            found = self._by_choice(group, kind) if kind else self._by_generation(group)
            answers |= dict(zip(members, found, strict=True))
        give_back_freed_memory()
        cached = [0 if fresh and index == 0 else len(prefix.tokens) if prefix else 0 for index in range(len(requests))]
        return [replace(answers[index], prompt_tokens=len(ids), cached_tokens=cached[index]) for index, ids in enumerate(prompts)]

    def _by_choice(self, group: _Group, names: tuple[str, ...]) -> list[Answer]:
        choices = self._choice_tokens(names)
        lengths = [length + len(choices.common) + choices.most_nodes for length in group.own_lengths]

        def run(rows: Sequence[int]) -> list[Answer]:
            found = choose(self.decoder, [group.prompts[row] for row in rows], choices, group.start).tolist()
            return [_chosen(names, logs, choices) for logs in found]

        return group.in_batches(plan(lengths, lengths, self._budget), run)

    def _by_generation(self, group: _Group) -> list[Answer]:
        constraints = [self._constraint(request) for request in group.requests]
        grammars = self._grammars if any(constraints) else None
        context = self.model.config.max_positions
        asks = [
            Ask(
                ids=ids,
                max_tokens=min(request.max_tokens, context - len(ids)),
                temperature=request.temperature,
                top_p=request.top_p,
                seed=request.seed,
                constraint=constraint,
            )
            for request, ids, constraint in zip(group.requests, group.prompts, constraints, strict=True)
        ]
        start = replace(group.start, prefill_tokens=self._budget.tokens)
        # A row is padded to the longest that it is stored with.
        kept = [int(length / ALIKE) + ask.max_tokens + FORCED_AT_ONCE for length, ask in zip(group.own_lengths, asks, strict=True)]

        def run(rows: Sequence[int]) -> list[Answer]:
            found = generate(self.decoder, [asks[row] for row in rows], self._ends, grammars, start)
            return [self._answer(made) for made in found]

        return group.in_batches(plan(group.own_lengths, kept, replace(self._budget, tokens=sys.maxsize)), run)

    def _answer(self, made: Completion) -> Answer:
        words = [token for token in made.ids if token not in self._ends]
        text = self.model.tokenizer.decode(words, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Answer(text=text, completion_tokens=len(made.ids), finish_reason=made.finish_reason)

    def _constraint(self, request: Request) -> Constraint | None:
        held = request.constraint
        return self._grammars.constraint(held.schema) if isinstance(held, SchemaConstraint) else None

    def _shared(
        self, prompts: Sequence[Sequence[int]], digests: tuple[str, ...], update: Update | None
    ) -> tuple[Prefix | None, bool]:
        """(the prefix that all prompts share, whether it was computed just now)."""
        tokens = tuple(prompts[0][: shared_prefix(prompts)]) if prompts else ()
        if not tokens:
            return None, False
        known = self._prefixes.get(digests, tokens)
        if known:
            return known, False
        prefix = compute_prefix(self.decoder, tokens, update)
        self._prefixes.put(digests, prefix)
        return prefix, True

    def _choice_tokens(self, names: tuple[str, ...]) -> Choices:
        if names not in self._choices:
            self._choices[names] = choice_tokens(self.model.tokenizer, names)
        self._choices.move_to_end(names)
        if len(self._choices) > KEPT_CHOICE_SETS:
            self._choices.popitem(last=False)
        return self._choices[names]

    def _check_lengths(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> None:
        context = self.model.config.max_positions
        problems = {}
        for index, (request, ids) in enumerate(zip(requests, prompts, strict=True)):
            if len(ids) >= context:
                said = text_of(request.messages[-1].get("content"))[:60]
                problems[index] = (
                    f"the prompt has {len(ids):,} tokens and the base reads at most {context:,}, its answer included: {said!r}..."
                )
        if problems:
            raise ContextTooLong(problems)

    @cached_property
    def _grammars(self) -> Grammars:
        return Grammars(self.model.tokenizer, self.model.config.vocabulary, sorted(self._ends))

    @cached_property
    def _ends(self) -> frozenset[int]:
        return end_tokens(self.model)

    @cached_property
    def _budget(self) -> Budget:
        config = self.model.config
        rows, tokens, kept_bytes = LIMITS[self.decoder.device.type]
        token_bytes = 2 * config.layers * config.key_value_width * self.decoder.dtype.itemsize
        return Budget(rows=rows, tokens=tokens, kept_tokens=kept_bytes // token_bytes)


class _Group:
    """Requests of one kind, their prompts, and what they start from."""

    def __init__(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]], start: Start, shared_s: float) -> None:
        self.requests, self.prompts, self.start, self._shared_s = requests, prompts, start, shared_s
        skip = len(start.prefix.tokens) if start.prefix else 0
        self.own_lengths = [len(ids) - skip for ids in prompts]

    def in_batches(self, batches: Sequence[Sequence[int]], run: Callable[[Sequence[int]], list[Answer]]) -> list[Answer]:
        """Each batch's answers in the group's order, with the time that a row took."""
        answers: dict[int, Answer] = {}
        for rows in batches:
            began = time.perf_counter()
            found = run(rows)
            latency_s = self._shared_s + (time.perf_counter() - began) / len(rows)
            answers |= {row: replace(answer, latency_s=latency_s) for row, answer in zip(rows, found, strict=True)}
        return [answers[row] for row in range(len(self.requests))]


def _kind(request: Request) -> tuple[str, ...]:
    """The choices, where one of them must be the answer; else nothing."""
    if not isinstance(request.constraint, ChoiceConstraint):
        return ()
    names = tuple(dict.fromkeys(request.constraint.choices))
    if not names:
        raise UserError("the constraint offers no choices")
    return names


def _chosen(names: Sequence[str], logs: Sequence[float], choices: Choices) -> Answer:
    """The choice of the largest log-probability, the first of equals."""
    best = max(range(len(names)), key=lambda index: logs[index])
    return Answer(text=names[best], completion_tokens=len(choices.tokens[best]), logprobs=dict(zip(names, logs, strict=True)))
