"""One question on its way through an engine: what is asked, what became of it, and who is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from rung.engine.backend import Request
from rung.engine.caller import Caller, Gone, Late, Piece
from rung.engine.local.block import Made
from rung.engine.local.live.conversations import Whose
from rung.engine.local.live.telling import Telling
from rung.engine.local.prompting import Prompting, choices_of, chosen
from rung.engine.local.rows import Ask
from rung.errors import UserError
from rung.types import UNHELD, Answer


@dataclass(kw_only=True, eq=False)
class Question:
    """What is asked and of whom, until its answer is there.

    shared    so many of the prompt's first tokens stand before every question of its Candidate
    telling   None where nobody hears the answer before it is whole
    known     tokens of the prompt that were not read again
    wanted    others wait for so many of its first tokens to be read
    """

    request: Request
    ask: Ask
    caller: Caller
    prompting: Prompting
    telling: Telling | None
    shared: int = 0
    began: float = field(default_factory=time.perf_counter)
    number: int = -1
    known: int = 0
    wanted: int = 0
    waits_for: Question | None = None
    read: bool = False
    made: list[int] = field(default_factory=list)
    answer: Answer | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def tenant(self) -> str:
        return self.caller.tenant

    @property
    def whose(self) -> Whose:
        """What its keys and values are kept under."""
        return self.tenant, self.ask.stack.key

    @property
    def needs(self) -> int:
        """Tokens that it may come to keep."""
        return len(self.ask.ids) + self.ask.max_tokens

    @property
    def left(self) -> BaseException | None:
        """Why nobody waits for it any more; None where somebody does."""
        if self.caller.gone.is_set():
            return Gone("who asked has left")
        if self.caller.deadline is not None and time.monotonic() > self.caller.deadline:
            return Late("the answer did not come before its deadline")
        return None

    def take(self, made: Made) -> bool:
        """Tell what a step made of it; whether that was the last. Raises what its hearer raises."""
        finish_reason = made.finish_reason
        if made.scores:
            self._choose(made.scores)
        else:
            taken = self.telling.take(made.tokens, made.likely) if self.telling else len(made.tokens)
            self.made += made.tokens[:taken]
            if self.telling and self.telling.stopped:
                finish_reason = "stop"
            if finish_reason:
                self._finish(finish_reason, made.error)
        return self.done.is_set()

    def fail(self, error: BaseException) -> None:
        """It ends without an answer."""
        if not self.done.is_set():
            self.error = error
            self.done.set()

    def _choose(self, scores: Sequence[float]) -> None:
        names = choices_of(self.request)
        said = chosen(names, scores, self.prompting.choices(names))
        self.caller.hear(Piece(text=said.text))
        self._give(said, len(self.ask.among.common) if self.ask.among else 0)

    def _finish(self, finish_reason: str, error: UserError | None) -> None:
        if error:
            said = Answer(text="", completion_tokens=len(self.made), finish_reason=UNHELD, fault=error.problem)
        else:
            text = (
                self.telling.end(finish_reason)
                if self.telling
                else self.prompting.text(self.request, self.ask.ids, self.made, finish_reason)
            )
            tokens = tuple(token.told for token in self.telling.tokens) if self.telling else ()
            said = Answer(text=text, completion_tokens=len(self.made), finish_reason=finish_reason, tokens=tokens)
        self._give(said, 0)

    def _give(self, said: Answer, beyond: int) -> None:
        prompt = len(self.ask.ids) - beyond
        seconds = time.perf_counter() - self.began
        self.answer = replace(said, latency_s=seconds, prompt_tokens=prompt, cached_tokens=min(self.known, prompt))
        self.done.set()


def answered(questions: Sequence[Question]) -> list[Answer]:
    """Of questions that are done. Raises the first one's error."""
    for question in questions:
        if question.error:
            raise question.error
    return [cast(Answer, question.answer) for question in questions]
