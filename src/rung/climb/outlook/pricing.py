"""What a step will ask, priced: seconds of this machine or of a server, answers, tokens, money. What is known costs nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from rung.climb.outlook.machine import Machine
from rung.climb.outlook.questions import Questions, Reader
from rung.climb.outlook.speeds import measure_training
from rung.engine.backend import price_usd
from rung.errors import RungError
from rung.parts import NOTHING, Span
from rung.registry.predictions import Amount
from rung.rungs.asks import Answers, Ask, Buying, Encoding, Reranking, Training, Working
from rung.types import Answer, Task
from rung.verify.run import random_order, score_rows

if TYPE_CHECKING:
    from rung.rungs.base import BuildContext

FIGURES = ("least", "expected", "most")
# Of the tokens that a model has for its thoughts, those that it usually takes for a question like these.
THOUGHT_SHARE = 0.06
# Whose answers, on which split: its id, and by what step another one will be made of it, where one will.
Key = tuple[str, str, str]
# Rows whose ideal answers are scored to see how long that takes.
JUDGED = 6
# How many tokens are answered in the time that one is trained on, by whether an adapter is trained, where no training was measured:
# forwards, backwards, the optimizer, and for all weights the products of their gradients.
ANSWERED_PER_TRAINED: Mapping[bool, float] = {True: 2.0, False: 2.7}


@dataclass(kw_only=True)
class Pricing:
    """Prices asks in the order in which a climb makes them: what was asked before is known by then.

    training_s  for how long each kind of training is measured that never was
    adapters_s  the same of kinds that train an adapter, where that is 0: all weights take minutes to copy; 0 measures none
    thoughts    tokens that a server's model has for its thoughts before each answer; 0 where it has none
    memory      bytes at the peak of training, by method, where that was looked at
    """

    context: BuildContext
    machine: Machine
    reader: Reader
    asked: dict[Key, Span] = field(default_factory=dict)
    drawn: dict[tuple[Key, int], Span] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    loaded: bool = False
    training_s: float = 0.0
    adapters_s: float = 0.0
    thoughts: float = 0.0
    memory: dict[str, int] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        return self.context.task

    def amount(self, asks: Iterable[Ask]) -> Amount:
        """All of these, one after the other."""
        whole = Amount(seconds=NOTHING, usd=NOTHING)
        for ask in asks:
            whole += self._priced(ask)
        return whole

    def _priced(self, ask: Ask) -> Amount:
        match ask:
            case Answers():
                return self._answers(ask)
            case Training():
                return self._free(self._training(ask))
            case Encoding():
                return self._free(Span.of(ask.texts * self._encoding_s(ask)))
            case Reranking():
                return self._free(ask.questions.times(self._reranking_s(ask)))
            case Working():
                return self._free(ask.seconds)
            case Buying():
                return Amount(seconds=ask.seconds, usd=ask.usd)

    @staticmethod
    def _free(seconds: Span) -> Amount:
        return Amount(seconds=seconds, usd=NOTHING)

    def _answers(self, ask: Answers) -> Amount:
        fresh = self._fresh(ask)
        answered = self.reader.of(ask.candidate, ask.split, taught=bool(ask.made)).with_beside(ask.beside)
        questions = answered.with_thoughts(THOUGHT_SHARE * self.thoughts)
        begins = _key(ask) not in self.asked
        self._remember(ask)
        counted = fresh.times(ask.times)
        seconds = Span(**{name: self._seconds(questions, getattr(counted, name), ask, begins) for name in FIGURES})
        if counted.expected and not self.loaded:
            self.loaded = True
            seconds += Span.of(self.machine.load_s)
        return Amount(
            seconds=seconds,
            answers=counted,
            read=counted.times(questions.reads),
            cached=counted.times(questions.shared),
            written=counted.times(questions.writes),
            usd=self._usd(questions, answered.with_thoughts(self.thoughts), counted, self._part(ask)),
        )

    def _seconds(self, questions: Questions, rows: float, ask: Answers, begins: bool) -> float:
        return self.machine.seconds(questions.load(rows, ask.at_once, begins=begins)) * ask.heavier + rows * self.judging_s

    def _fresh(self, ask: Answers) -> Span:
        """Rows that nobody has answered yet."""
        order = random_order(self.task, ask.split)
        rows, among = ask.rows.at_most(len(order)), min(ask.drawn, len(order))
        if not ask.kept:
            return rows
        before, drawn = self.asked.get(_key(ask), NOTHING), self.drawn.get((_key(ask), ask.drawn), NOTHING)
        known = self._known(ask)
        fresh = {}
        for name in FIGURES:
            wanted, asked = getattr(rows, name), getattr(before, name)
            end = among or round(wanted)
            seen = max(float(known[end]), min(asked, end))
            # Of the same rows the first ones are drawn each time.
            more = max(0.0, wanted - getattr(drawn, name))
            fresh[name] = more * (1 - seen / end) if end else 0.0
        # Where fewer were asked before, more are left.
        return Span(least=min(fresh.values()), expected=fresh["expected"], most=max(fresh.values()))

    def _known(self, ask: Answers) -> list[int]:
        """Of the first n rows, for every n, how many answers are kept."""
        order = random_order(self.task, ask.split)
        cache = None if ask.made else self.context.runtime.cache
        kept = cache.load(ask.candidate.asked.id, [row.digest for row in order]) if cache is not None else {}
        counts = [0]
        for row in order:
            counts.append(counts[-1] + (row.digest in kept))
        return counts

    def _remember(self, ask: Answers) -> None:
        key = _key(ask)
        if ask.kept and ask.drawn:
            self.drawn[key, ask.drawn] = _larger(self.drawn.get((key, ask.drawn), NOTHING), ask.rows)
        elif ask.kept:
            self.asked[key] = _larger(self.asked.get(key, NOTHING), ask.rows)

    def _part(self, ask: Answers) -> float:
        """What an answer costs of what one asked by itself does: in batches less, but a few, and turns with tools, go alone."""
        from rung.engine.http.batch.batches import FACTOR
        from rung.engine.http.batch.rounds import LEAST

        alone = not self.task.batch or ask.candidate.tools or min(ask.rows.most, ask.at_once) < LEAST
        return 1.0 if alone else self.task.prices.get("batch_factor", FACTOR)

    def _usd(self, questions: Questions, longest: Questions, rows: Span, part: float) -> Span | None:
        """What a server asks: at least where it keeps what all questions begin with, at most where it keeps nothing.

        longest  the same questions with as long thoughts as there may be
        part     as in `_part`: nearly all is done so, but what comes back is asked again by itself
        """
        if not self.task.base_reference.is_server:
            return NOTHING
        prices = self.task.prices
        each = [
            price_usd(
                prices,
                Answer(
                    text="",
                    prompt_tokens=round(one.reads),
                    cached_tokens=round(cached),
                    completion_tokens=round(one.writes),
                ),
            )
            for one, cached in ((questions, questions.shared), (questions, 0.0), (longest, 0.0))
        ]
        low, high, highest = each
        if low is None or high is None or highest is None:
            return None
        return Span(least=rows.least * low * part, expected=rows.expected * (low + high) / 2 * part, most=rows.most * highest)

    @cached_property
    def judging_s(self) -> float:
        """Seconds that scoring an answer takes: some scorers run code."""
        from rung.verify.scoring import target_text

        rows = [row for row in random_order(self.task, "dev")[:JUDGED] if row.target is not None]
        if not rows:
            return 0.0
        answers = [Answer(text=target_text(self.task, row)) for row in rows]
        score_rows(self.task, rows[:1], answers[:1])
        started = time.monotonic()
        score_rows(self.task, rows, answers)
        return (time.monotonic() - started) / len(rows)

    def _training(self, ask: Training) -> Span:
        """Until the last step; half of it at least, where dev ends it."""
        seconds = self._trained_s(ask) * ask.left
        return Span(least=seconds / 2, expected=seconds, most=seconds)

    def _trained_s(self, ask: Training) -> float:
        from rung import plugins

        name, adapters = ask.training.method, plugins.names("adapter_kinds")
        known = name in self.machine.trained
        if self.training_s or (self.adapters_s and name in adapters and not known):
            seconds = 0.0 if known else self.training_s or self.adapters_s
            fit = measure_training(self.context, ask.candidate, ask.training, ask.rows, seconds)
            self.memory[name] = fit.memory.total
            if fit.tokens_per_s:
                self.machine = replace(self.machine, trained={**self.machine.trained, name: fit.tokens_per_s})
            return float(fit.tokens / self.machine.trained[name])
        row = self.reader.of(ask.candidate, "train").reads + self.reader.target_tokens
        return row * ask.rows * ask.training.epochs / self._trains(name, adapters)

    def _trains(self, name: str, adapters: Sequence[str]) -> float:
        """Tokens a second: measured; else in the usual proportion to those of an adapter that was, or of answers."""
        if name in self.machine.trained:
            return self.machine.trained[name]
        measured = [self.machine.trained[one] for one in adapters if one in self.machine.trained]
        answered = measured[0] * ANSWERED_PER_TRAINED[True] if measured else self.machine.reads(1.0)
        return answered / ANSWERED_PER_TRAINED[name in adapters]

    def _encoding_s(self, ask: Encoding) -> float:
        """Seconds that the encoder takes for a text like these; 0, with a note, where it cannot be had."""
        try:
            opened = self.context.runtime.encoder_for(ask.encoder)
            opened.query(ask.like[0])
            started = time.monotonic()
            for text in ask.like:
                opened.query(text)
        except RungError as error:
            self.notes.append(f"what {ask.what} takes is not known: {error.problem}")
            return 0.0
        return (time.monotonic() - started) / len(ask.like)

    def _reranking_s(self, ask: Reranking) -> float:
        """The same of a reranker, for all that it reads of a question."""
        from rung.engine.retrieval.retriever import RERANKED

        try:
            opened = self.context.runtime.reranker_for(ask.reranker)
            opened.score(ask.like[0], ask.like[:1])
            started = time.monotonic()
            opened.score(ask.like[0], ask.like)
        except RungError as error:
            self.notes.append(f"what is {ask.what} takes is not known: {error.problem}")
            return 0.0
        return (time.monotonic() - started) / len(ask.like) * RERANKED


def _larger(one: Span, other: Span) -> Span:
    return Span(**{name: max(getattr(one, name), getattr(other, name)) for name in FIGURES})


def _key(ask: Answers) -> Key:
    return ask.candidate.asked.id, ask.split, ask.made
