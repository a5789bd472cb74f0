"""A request as a model's tokens, and its tokens as an answer: the same whether many are asked together or one at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from threading import Lock

from rung.engine.backend import ContextTooLong, Request
from rung.engine.chat import chat_template, opening, prompt_text, render, text_of
from rung.engine.constrain import Constraint, Grammars
from rung.engine.encoding import encode, encode_all
from rung.engine.local.choose import Choices, choice_tokens
from rung.engine.local.model import LocalModel
from rung.engine.local.words import text_of_tokens, thought_opened_by, with_opening
from rung.errors import UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import CUT_OFF, Answer

KEPT_CHOICE_SETS = 16


class Prompting:
    """What a model's requests are in its own words; what was compiled for one stays for others. Many threads may ask."""

    def __init__(self, model: LocalModel) -> None:
        self._model, self._lock = model, Lock()
        self._choices: OrderedDict[tuple[str, ...], Choices] = OrderedDict()

    def prompts(self, requests: Sequence[Request]) -> list[list[int]]:
        """Where an answer is held to a form it begins as training would begin it; choices bring that with them.

        Raises ContextTooLong, and UserError for a tokenizer with tokens that the weights do not have.
        """
        tokenizer = self._model.tokenizer
        texts = [prompt_text(tokenizer, request.messages, request.tools) for request in requests]
        with self._lock:
            prompts = encode_all(tokenizer, texts)
        largest = max((max(ids, default=0) for ids in prompts), default=0)
        if largest >= self._model.config.vocabulary:
            token = tokenizer.convert_ids_to_tokens(largest)
            hint = "Tokenizer and weights are of two models, or tokens were added without resize_token_embeddings."
            raise UserError(f"the weights have no row for the token {token!r}", where=str(self._model.folder), hint=hint)
        held = [isinstance(request.constraint, SchemaConstraint) for request in requests]
        prompts = [[*ids, *self._opening] if form else ids for ids, form in zip(prompts, held, strict=True)]
        self._check_lengths(requests, prompts)
        return prompts

    def beginning(self, request: Request) -> list[int]:
        """The messages that stand before every question of its Candidate, as tokens; empty where there are none."""
        if not request.shared:
            return []
        tokenizer = self._model.tokenizer
        said = render(chat_template(tokenizer), request.messages[: request.shared], request.tools, add_generation_prompt=False)
        with self._lock:
            return encode(tokenizer, said)

    def choices(self, names: tuple[str, ...]) -> Choices:
        """The choices' tokens."""
        with self._lock:
            if names not in self._choices:
                self._choices[names] = choice_tokens(self._model.tokenizer, names)
            self._choices.move_to_end(names)
            if len(self._choices) > KEPT_CHOICE_SETS:
                self._choices.popitem(last=False)
            return self._choices[names]

    def constraint(self, request: Request) -> Constraint | None:
        """A fresh answer's place in the grammar of its form. Raises UserError for a form that cannot be held."""
        held = request.constraint
        if not isinstance(held, SchemaConstraint):
            return None
        with self._lock:
            return self.grammars.constraint(held.schema)

    @cached_property
    def grammars(self) -> Grammars:
        return Grammars(self._model.tokenizer, self._model.config.vocabulary, sorted(self._model.end_tokens))

    def room(self, request: Request, ids: Sequence[int]) -> int:
        """Tokens that its answer may have behind this prompt."""
        return min(request.max_tokens, self._model.config.max_positions - len(ids))

    def opened(self, request: Request, ids: Sequence[int]) -> str:
        """The thought that the prompt opens, for an answer that may think: what is trained, or held to a form, answers at once."""
        return "" if request.adapters or request.constraint else thought_opened_by(self._model.tokenizer, ids)

    def text(self, request: Request, ids: Sequence[int], made: Sequence[int], finish_reason: str) -> str:
        """What the made tokens say behind this prompt."""
        text = text_of_tokens(self._model.tokenizer, made, self._model.end_tokens)
        return with_opening(self.opened(request, ids), text) if finish_reason == CUT_OFF else text

    @cached_property
    def _opening(self) -> list[int]:
        return encode(self._model.tokenizer, opening(self._model.tokenizer))

    def _check_lengths(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> None:
        context, why = self._model.config.max_positions, self._model.config.context_note
        limit = f"at most {context:,}, its answer included" + (f" ({why})" if why else "")
        problems = {}
        for index, (request, ids) in enumerate(zip(requests, prompts, strict=True)):
            if len(ids) >= context:
                said = text_of(request.messages[-1].get("content"))[:60]
                problems[index] = f"the prompt has {len(ids):,} tokens and the base reads {limit}: {said!r}..."
        if problems:
            raise ContextTooLong(problems)


def choices_of(request: Request) -> tuple[str, ...]:
    """The choices, where one of them must be the answer; else nothing."""
    if not isinstance(request.constraint, ChoiceConstraint):
        return ()
    names = tuple(dict.fromkeys(request.constraint.choices))
    if not names:
        raise UserError("the constraint offers no choices")
    return names


def chosen(names: Sequence[str], logs: Sequence[float], choices: Choices) -> Answer:
    """The choice of the largest log-probability, the first of equals."""
    best = max(range(len(names)), key=lambda index: logs[index])
    return Answer(text=names[best], completion_tokens=len(choices.tokens[best]), logprobs=dict(zip(names, logs, strict=True)))
