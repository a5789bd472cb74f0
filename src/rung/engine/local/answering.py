"""Requests in, Answers out, on a model in this process: what is shared is computed once, what is alike is computed together."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock

import torch

from rung.engine.backend import ContextTooLong, Keep, Request, Say, price_usd, quiet
from rung.engine.chat import chat_template, opening, prompt_text, render, text_of
from rung.engine.constrain import Grammars
from rung.engine.encoding import encode, encode_all
from rung.engine.local.adapters import AdapterCache, Stack
from rung.engine.local.batching import Budget, plan, shared_prefix
from rung.engine.local.choose import Choices, choice_tokens
from rung.engine.local.completing import Completion
from rung.engine.local.computing import Computing, computing
from rung.engine.local.decoder import Decoder
from rung.engine.local.devices import ACCELERATOR, PROCESSOR, kind_of
from rung.engine.local.memory import give_back_freed_memory
from rung.engine.local.model import LocalModel
from rung.engine.local.prefix import Prefix, PrefixCache
from rung.engine.local.rows import Ask
from rung.engine.local.settings import context_tokens
from rung.engine.local.words import text_of_tokens, thought_opened_by
from rung.errors import UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import CUT_OFF, UNHELD, Answer

# Rows in a batch, tokens in its first pass and bytes of its keys and values, by kind of device.
LIMITS = {PROCESSOR: (64, 4096, 1 << 30), ACCELERATOR: (256, 32768, 8 << 30)}
KEPT_CHOICE_SETS = 16


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
        self._choices: OrderedDict[tuple[str, ...], Choices] = OrderedDict()

    @cached_property
    def model(self) -> LocalModel:
        """For training too: the same weights in memory."""
        return self._source if isinstance(self._source, LocalModel) else self._source()

    @property
    def decoder(self) -> Decoder:
        return self.model.decoder

    @property
    def context_tokens(self) -> int | None:
        """How many tokens it reads at most, the answer included; None where that is not known. No weight is read for it."""
        return context_tokens(self._folder) if self._folder else self.model.config.max_positions

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
            kinds = [_kind(request) for request in requests]
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
        prompts = self._prompts(requests)
        self._check_lengths(requests, prompts)
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

    def _prompts(self, requests: Sequence[Request]) -> list[list[int]]:
        """Where an answer is held to a form it begins as training would begin it; choices bring that with them."""
        tokenizer = self.model.tokenizer
        prompts = encode_all(tokenizer, [prompt_text(tokenizer, request.messages, request.tools) for request in requests])
        largest = max((max(ids, default=0) for ids in prompts), default=0)
        if largest >= self.model.config.vocabulary:
            token = tokenizer.convert_ids_to_tokens(largest)
            hint = "Tokenizer and weights are of two models, or tokens were added without resize_token_embeddings."
            raise UserError(f"the weights have no row for the token {token!r}", where=str(self.model.folder), hint=hint)
        held = [isinstance(request.constraint, SchemaConstraint) for request in requests]
        return [[*ids, *self._opening] if form else ids for ids, form in zip(prompts, held, strict=True)]

    @cached_property
    def _opening(self) -> list[int]:
        return encode(self.model.tokenizer, opening(self.model.tokenizer))

    def _by_choice(self, asked: Sequence[_Question], names: tuple[str, ...]) -> Iterator[tuple[int, Answer]]:
        choices = self._choice_tokens(names)
        lengths = [question.own_length + len(choices.common) + choices.most_nodes for question in asked]
        for places in plan(lengths, lengths, self._budget):
            rows, began = [asked[place] for place in places], time.perf_counter()
            logs = self._computing.choose([row.ids for row in rows], choices, rows[0].prefix, rows[0].stack)
            found = [_chosen(names, row, choices) for row in logs.tolist()]
            seconds = (time.perf_counter() - began) / len(rows)
            yield from ((place, _measured(asked[place], said, seconds)) for place, said in zip(places, found, strict=True))

    def _by_generation(self, asked: Sequence[_Question]) -> Iterator[tuple[int, Answer]]:
        asks = [self._ask(question) for question in asked]
        grammars = self._grammars if any(ask.constraint for ask in asks) else None
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
        request, held = question.request, question.request.constraint
        return Ask(
            ids=question.ids,
            max_tokens=min(request.max_tokens, self.model.config.max_positions - len(question.ids)),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            constraint=self._grammars.constraint(held.schema) if isinstance(held, SchemaConstraint) else None,
            prefix=question.prefix,
            stack=question.stack,
            never=self.model.unsayable,
        )

    def _answer(self, question: _Question, made: Completion) -> Answer:
        if made.error:
            return Answer(text="", completion_tokens=len(made.ids), finish_reason=UNHELD, fault=made.error.problem)
        text = text_of_tokens(self.model.tokenizer, made.ids, self.model.end_tokens)
        # Who was cut off in a thought that the template had opened wrote no mark of it. What is trained, or held to a form, answers
        # at once.
        if made.finish_reason == CUT_OFF and not (question.request.adapters or question.request.constraint):
            text = thought_opened_by(self.model.tokenizer, question.ids) + text
        return Answer(text=text, completion_tokens=len(made.ids), finish_reason=made.finish_reason)

    def _shared(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]], stack: Stack) -> tuple[Prefix | None, bool]:
        """(the prefix that all prompts share, whether it was computed just now).

        No more of it than the requests say that others will share: so it is the same for each batch, and for a question alone.
        """
        compute = self._computing.prefix
        tokens = tuple(prompts[0][: shared_prefix([*prompts, *self._beginning(requests)])])
        if not tokens or compute is None:
            return None, False
        known = self._prefixes.get(stack, tokens)
        if known:
            return known, False
        prefix = compute(tokens, stack)
        self._prefixes.put(prefix)
        return prefix, True

    def _beginning(self, requests: Sequence[Request]) -> list[list[int]]:
        """The messages that every request has before its question, as tokens; empty where the requests say nothing of it."""
        least = min(requests, key=lambda request: request.shared)
        if not least.shared:
            return []
        tokenizer = self.model.tokenizer
        said = render(chat_template(tokenizer), least.messages[: least.shared], least.tools, add_generation_prompt=False)
        return [encode(tokenizer, said)]

    def _choice_tokens(self, names: tuple[str, ...]) -> Choices:
        if names not in self._choices:
            self._choices[names] = choice_tokens(self.model.tokenizer, names)
        self._choices.move_to_end(names)
        if len(self._choices) > KEPT_CHOICE_SETS:
            self._choices.popitem(last=False)
        return self._choices[names]

    def _check_lengths(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> None:
        context, why = self.model.config.max_positions, self.model.config.context_note
        limit = f"at most {context:,}, its answer included" + (f" ({why})" if why else "")
        problems = {}
        for index, (request, ids) in enumerate(zip(requests, prompts, strict=True)):
            if len(ids) >= context:
                said = text_of(request.messages[-1].get("content"))[:60]
                problems[index] = f"the prompt has {len(ids):,} tokens and the base reads {limit}: {said!r}..."
        if problems:
            raise ContextTooLong(problems)

    @cached_property
    def _grammars(self) -> Grammars:
        return Grammars(self.model.tokenizer, self.model.config.vocabulary, sorted(self.model.end_tokens))

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
