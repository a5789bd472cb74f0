"""What a Candidate's questions are like on a task's rows, in tokens, without asking any: composed as they would be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from rung.climb.outlook.machine import Load
from rung.engine.backend import Request
from rung.engine.chat import text_of
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import Answer, Candidate, Example, Task
from rung.verify.run import random_order

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime

# Rows that stand for all.
SAMPLED = 24
# Tokens that one pass of the decoder takes, padding counted, and what padding adds to rows that are sorted by length.
PASS_TOKENS, PADDED = 4096, 1.15
# A beginning that is shorter is not shared.
SHARED_AT_LEAST = 16
# Of the tokens of a held answer those that are not forced: each of them is a pass.
FREE_SHARE = 0.6
# Where no tokenizer is at hand: bytes of a token of text, of which a letter beyond ASCII has two or more; marks of the template.
BYTES_PER_TOKEN, TOKENS_AROUND = 4.0, 12


@dataclass(frozen=True, kw_only=True)
class Questions:
    """In tokens: what all questions begin with, the mean of what follows, what choices add, the mean of what is written.

    `steps` is the passes that writing the `longest` answer takes; `told` says that answers of this very kind were seen.
    """

    shared: float
    own: float
    choices: float = 0.0
    writes: float = 0.0
    steps: float = 0.0
    longest: float = 0.0
    told: bool = False

    @property
    def reads(self) -> float:
        """Of a whole prompt."""
        return self.shared + self.own

    def with_thoughts(self, tokens: float) -> Questions:
        """The same of a model that thinks so many tokens before each answer, where no answer has told how many it does."""
        return self if self.told else replace(self, writes=self.writes + tokens, steps=self.steps + tokens)

    def with_beside(self, characters: float) -> Questions:
        """The same with so many characters beside each question."""
        return replace(self, own=self.own + characters / BYTES_PER_TOKEN)

    def load(self, rows: float, chunk: int, *, begins: bool = True) -> Load:
        """Of so many rows, asked so many at a time. `begins`: what all begin with is read, once."""
        if rows <= 0:
            return Load()
        asked = max(1.0, rows / chunk)
        behind = self.own + self.choices
        at_once = max(1.0, min(rows, chunk) * behind * PADDED / PASS_TOKENS)
        seen = rows * behind * (self.shared + behind / 2)
        load = Load(
            passes=asked * (at_once + (self.choices > 0) + self.steps),
            tokens=rows * behind,
            seen=(seen + rows * self.writes * (self.reads + self.writes / 2)) / 1000,
            made=rows * self.writes,
            rows=rows,
        )
        beginning = Load(passes=1.0, tokens=self.shared, seen=self.shared**2 / 2000)
        return load + beginning if begins and self.shared else load


class Reader:
    """Composes questions and counts their tokens: by the base's own tokenizer where that is here, else by their bytes."""

    def __init__(self, task: Task, runtime: Runtime, tokenizer: Any = None) -> None:
        self.task, self.runtime, self.tokenizer = task, runtime, tokenizer
        self._known: dict[tuple[str, str, bool], Questions] = {}

    def anew(self) -> Reader:
        """The same, which looks again at what answers there are by now."""
        return Reader(self.task, self.runtime, self.tokenizer)

    def of(self, candidate: Candidate, split: str = "dev", *, taught: bool = False) -> Questions:
        """From the first rows of a split. `taught`: it stands for one that will have learnt to answer as targets do."""
        key = (candidate.id, split, taught)
        if key not in self._known:
            self._known[key] = self.of_rows(candidate, random_order(self.task, split)[:SAMPLED], taught=taught)
        return self._known[key]

    def of_rows(self, candidate: Candidate, rows: Sequence[Example], *, taught: bool = False) -> Questions:
        """From these rows."""
        if not rows:
            return Questions(shared=0.0, own=0.0)
        requests = self._requests(candidate, rows)
        prompts = [self._tokens(request) for request in requests]
        shared = _in_common(prompts) if len(prompts) > 1 else 0
        shared = shared if shared >= SHARED_AT_LEAST else 0
        own = sum(map(len, prompts)) / len(prompts) - shared
        held = requests[0].constraint
        if isinstance(held, ChoiceConstraint) and self.tokenizer is not None:
            return Questions(shared=shared, own=own, choices=self._choices(held.choices))
        known = [] if taught else self._answered(candidate, rows)
        writes, longest = (sum(known) / len(known), max(known)) if known else self._writes(candidate, held, taught=taught)
        steps = longest * (FREE_SHARE if isinstance(held, SchemaConstraint) else 1.0)
        return Questions(shared=shared, own=own, writes=writes, steps=steps, longest=longest, told=bool(known))

    def _requests(self, candidate: Candidate, rows: Sequence[Example]) -> list[Request]:
        from rung.engine.answer import compose
        from rung.engine.demos import Pool

        shown = candidate.demonstrations
        pool = Pool.read(self.runtime.blobs.local(shown.pool)) if shown else None
        retriever = self.runtime.retriever(candidate)
        return [compose(candidate, row, pool, retriever=retriever) for row in rows]

    def _tokens(self, request: Request) -> Sequence[Any]:
        from rung.engine.chat import prompt_tokens

        if self.tokenizer is not None:
            return prompt_tokens(self.tokenizer, request.messages, request.tools)
        text = "".join(text_of(turn.get("content")) + " " * round(TOKENS_AROUND * BYTES_PER_TOKEN) for turn in request.messages)
        text += str(list(request.tools)) if request.tools else ""
        size = round(BYTES_PER_TOKEN)
        raw = text.encode("utf-8", "surrogatepass")
        return [raw[start : start + size] for start in range(0, len(raw), size)]

    def _choices(self, names: Sequence[str]) -> float:
        from rung.engine.local.choose import choice_tokens

        choices = choice_tokens(self.tokenizer, tuple(dict.fromkeys(names)))
        return float(len(choices.common) + choices.most_nodes)

    def _writes(self, candidate: Candidate, held: Any, *, taught: bool) -> tuple[float, float]:
        """Tokens of an answer, the mean and the longest: the targets', where it is held to them, else as many as there may be."""
        limit = float(candidate.max_tokens)
        shown = held is not None or bool(candidate.demonstrations)
        if (taught or shown or is_trained(candidate, self.task)) and self._targets:
            return min(limit, self.target_tokens + 1), min(limit, max(self._targets) + 1)
        return limit, limit

    def _answered(self, candidate: Candidate, rows: Sequence[Example]) -> list[float]:
        """Tokens of answers that are kept."""
        if self.runtime.cache is None:
            return []
        said: Sequence[Answer] = list(self.runtime.cache.load(candidate.asked.id, [row.digest for row in rows]).values())
        return [float(answer.completion_tokens) for answer in said if answer.completion_tokens is not None]

    @property
    def target_tokens(self) -> float:
        """Of an average target; 0 where no row has one."""
        return sum(self._targets) / len(self._targets) if self._targets else 0.0

    @cached_property
    def _targets(self) -> list[float]:
        from rung.rungs.base import labelled
        from rung.verify.scoring import target_text

        texts = [target_text(self.task, row) for row in random_order(self.task, "train")[:SAMPLED] if row.target is not None]
        texts = texts or [target_text(self.task, row) for row in labelled(self.task)[:SAMPLED]]
        return [self._count(text) for text in texts]

    def _count(self, text: str) -> float:
        from rung.engine.encoding import encode

        if self.tokenizer is None:
            return len(text.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN
        return float(len(encode(self.tokenizer, text)))


def is_trained(candidate: Candidate, task: Task) -> bool:
    """Whether it has weights of its own beside those of the task's base."""
    return candidate.base_reference.stored != task.base_reference.stored or candidate.adapters != task.base_adapters


def _in_common(prompts: Sequence[Sequence[Any]]) -> int:
    """How many leading tokens all have in common, one left over for each."""
    alike = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False)))
    return min(alike, min(map(len, prompts)) - 1)
